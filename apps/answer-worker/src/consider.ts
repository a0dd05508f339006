import { type AnswerDecision, type Journal, type OperatorConfig, openAnswerer } from "@mailfleet/answer";
import {
  type AnswerSettings,
  addressKey,
  answerRecipient,
  type ParsedMessage,
  type Report,
  readReport,
  type Sign,
  threadOf,
} from "@mailfleet/mail";
import type { ParseRefusal, Parser } from "@mailfleet/parser";
import type { ApprovedDraft, Draft, OpenedMailbox, Store } from "@mailfleet/store";
import { answerRequest } from "./answer-request.ts";
import { dayBudget } from "./day-budget.ts";
import { byLoopGuard, type InboundFacts, judgeInbound, ownAddressesOf } from "./judge-inbound.ts";
import { approvedWording, composeLetter, type Letter } from "./letter.ts";
import { type Failed, skip, type Verdict } from "./verdict.ts";

export interface ConsiderDeps {
  readonly store: Pick<Store, "answering" | "modelBudget" | "signers">;
  readonly parser: Parser;
  readonly operator: OperatorConfig;
  readonly nowMs: () => number;
  readonly modelUsed: (tokens: number) => void;
  /** Another way to an answerer than the settings', for a simulation. */
  readonly openAnswerer?: typeof openAnswerer;
  /** The answerer has decided, and nothing is written yet. */
  readonly onDecided?: (inboundUid: string) => void;
}

/** A message to decide about; it need not be a real one. */
export interface Considered {
  readonly mailbox: OpenedMailbox;
  readonly inboundUid: string;
  readonly content: Uint8Array;
  readonly flags: readonly string[];
  readonly arrivedAt: Date;
  readonly receivedAt: Date;
  readonly tries: number;
  /** A person wants it answered. */
  readonly isAskedFor: boolean;
  readonly approved: ApprovedDraft | null;
  readonly draft: Draft | null;
  /** Whether its watcher looked a short while ago, and nobody need look again. */
  readonly isLookFresh: boolean;
  readonly journal: Journal;
}

/** What is to become of a message. Writes nothing but the answerer's journal and what a model has used. */
export async function consider(deps: ConsiderDeps, inbound: Considered, signal: AbortSignal): Promise<Verdict> {
  const { role, answer: settings } = inbound.mailbox.settings;
  if (role === "notify") return skip("role_notify");
  if (role === "bounces") return reportVerdict(readReport(inbound.content));
  if (!settings) throw new TypeError("a mailbox of role answer without settings for answers");

  const parsed = await deps.parser.parse(inbound.content, { contents: wantsPictures(settings) });
  if (!parsed.ok) return unread(parsed);
  const { message } = parsed;

  const facts = await factsOf(deps, inbound, settings, message);
  const objection = judgeInbound(facts);
  if (objection)
    return reportIn(inbound.content, facts) ?? skip(objection.reason, objection.detail, correspondentOf(facts));
  const { recipient } = facts;
  if (!recipient.ok) return skip(recipient.reason, recipient.detail);

  const earlyMs = inbound.isAskedFor ? 0 : earlyBy(inbound, settings, deps.nowMs());
  if (earlyMs > 0) return { kind: "wait", afterMs: earlyMs };
  if (!inbound.isLookFresh) return { kind: "look" };

  const compose = (wording: Parameters<typeof composeLetter>[0]): Promise<Letter | Failed> =>
    composeLetter(wording, {
      inboundUid: inbound.inboundUid,
      mailboxId: inbound.mailbox.id,
      message,
      settings,
      to: recipient.mailbox,
      date: new Date(deps.nowMs()),
      sign: deps.store.signers[0] as Sign,
    });
  if (inbound.approved) {
    const wording = approvedWording(inbound.approved, inbound.draft);
    if (!wording) return { kind: "failed", permanent: true, code: "draft_missing", detail: "", endsAs: "failed" };
    return letterVerdict(await compose(wording), settings.answerer.kind, {});
  }

  if (!inbound.isAskedFor) {
    const correspondent = addressKey(recipient.mailbox.address);
    const message = { mailboxUid: inbound.mailbox.uid, inboundUid: inbound.inboundUid, correspondent };
    const needsApproval = settings.mode === "approve";
    const tooOften = await deps.store.answering.troubledTooOften({
      ...message,
      limits: settings.limits,
      needsApproval,
    });
    if (tooOften) return skip(tooOften, "Too many are forwarded, or wait for a person.", { correspondent });
  }
  const request = await answerRequest(deps, {
    mailbox: inbound.mailbox,
    settings,
    inboundUid: inbound.inboundUid,
    receivedAt: inbound.receivedAt,
    tries: inbound.tries,
    message,
    correspondent: recipient.mailbox,
  });
  const open = deps.openAnswerer ?? openAnswerer;
  const decision = await open(settings.answerer, inbound.mailbox.secrets, deps.operator).answer(request, {
    signal,
    journal: inbound.journal,
    budget: dayBudget(deps.store, inbound.mailbox, settings.answerer, { onUsed: deps.modelUsed, nowMs: deps.nowMs }),
  });
  deps.onDecided?.(inbound.inboundUid);
  const kept = { ...correspondentOf(facts), ...transcriptOf(decision) };
  switch (decision.kind) {
    case "answer": {
      const answerer = decision.answeredBy === "fallback" ? "fallback" : settings.answerer.kind;
      return letterVerdict(await compose(decision), answerer, kept);
    }
    case "decline":
      return skip("declined", decision.reason, kept);
    case "later":
      return { kind: "wait", afterMs: decision.afterMs, ...kept };
    case "escalate":
      return { kind: "escalate", note: decision.note, request, ...kept };
    case "failed":
      return decision.code === "budget_exhausted"
        ? skip("budget_exhausted", decision.detail, kept)
        : { ...kept, ...decision, endsAs: "failed" };
  }
}

/** How long it is too early by. A mail server's clock may be fast: nobody waits for longer than since we have it. */
function earlyBy({ arrivedAt, receivedAt }: Considered, { answerAfterMs }: AnswerSettings, nowMs: number): number {
  if (answerAfterMs === undefined) return 0;
  return Math.min(arrivedAt.getTime(), receivedAt.getTime()) + answerAfterMs - nowMs;
}

const wantsPictures = ({ answerer }: AnswerSettings): boolean => answerer.kind === "model" && answerer.images;

async function factsOf(
  { store, nowMs }: ConsiderDeps,
  { mailbox: { uid, settings }, flags, arrivedAt, isAskedFor }: Considered,
  { limits }: AnswerSettings,
  message: ParsedMessage,
): Promise<InboundFacts> {
  const recipient = answerRecipient(message, {
    ownAddresses: ownAddressesOf(settings),
    ...(settings.allowedSenders && { allowedSenders: settings.allowedSenders }),
  });
  const { inReplyTo, references } = threadOf(message);
  const limitReached = recipient.ok
    ? await store.answering.limitReached({
        mailboxUid: uid,
        correspondent: addressKey(recipient.mailbox.address),
        inReplyTo,
        references,
        limits,
      })
    : undefined;
  const now = new Date(nowMs());
  return { settings, message, flags, arrivedAt, now, isAskedFor, recipient, limitReached, signers: store.signers };
}

const correspondentOf = ({ recipient }: InboundFacts) =>
  recipient.ok ? { correspondent: addressKey(recipient.mailbox.address) } : {};

const transcriptOf = (decision: AnswerDecision) =>
  "transcript" in decision && decision.transcript ? { transcript: decision.transcript } : {};

function letterVerdict(letter: Letter | Failed, answerer: string, kept: { readonly transcript?: unknown }): Verdict {
  return "kind" in letter ? { ...kept, ...letter } : { kind: "letter", letter, answerer, ...kept };
}

/** In a mailbox for bounces, every report counts. */
function reportVerdict(report: Report | undefined): Verdict {
  return report ? { kind: "report", report, reason: "bounce_unmatched" } : skip("not_a_report");
}

/** In a mailbox that answers, a report counts where the loop guard does not take it for a person's; it is never answered. */
function reportIn(content: Uint8Array, facts: InboundFacts): Verdict | undefined {
  const automatic = byLoopGuard(facts);
  const report = automatic && readReport(content);
  return report && { ...automatic, kind: "report", report, ...correspondentOf(facts) };
}

function unread({ code, detail }: ParseRefusal): Verdict {
  const told = `${code}: ${detail}`;
  if (code === "busy") return { kind: "wait", afterMs: parserBusyMs };
  // What takes too much time or memory would take it again; a process may fall over for another's reasons.
  return code === "crashed"
    ? { kind: "failed", permanent: false, code: "unreadable", detail: told, endsAs: "skipped" }
    : skip("unreadable", told);
}

const parserBusyMs = 2_000;
