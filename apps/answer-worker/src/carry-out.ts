import { callEscalation, type Journal, type OperatorConfig } from "@mailfleet/answer";
import type { ParsedMessage, Sign } from "@mailfleet/mail";
import { crashPoint } from "@mailfleet/service";
import type {
  Answered,
  Ended,
  Findings,
  MailboxAction,
  OpenedMailbox,
  Store,
  Submission,
  Ticket,
} from "@mailfleet/store";
import type { Telemetry } from "@mailfleet/telemetry";
import { escalationLetter } from "./escalation-letter.ts";
import { nextTry } from "./next-try.ts";
import { outgoingAnswer } from "./outgoing-answer.ts";
import type { Failed, Verdict } from "./verdict.ts";

export interface CarryOutDeps {
  readonly store: Pick<Store, "answering" | "deliveryReports" | "signers">;
  readonly operator: OperatorConfig;
  readonly telemetry: Pick<Telemetry, "answered" | "skipped" | "answerFailed" | "awaitingApproval">;
  /** The account has mail to send. */
  readonly wakeOutbox: (accountUid: number) => void;
  readonly nowMs: () => number;
  readonly random: () => number;
}

/** The message that a verdict is about, in the hands of this worker. */
export interface InHand {
  readonly ticket: Ticket;
  readonly mailbox: OpenedMailbox;
  readonly content: Uint8Array;
  readonly journal: Journal;
  readonly signal: AbortSignal;
}

/** Tries of what has no settings for it. */
const defaultMaxTries = 5;
/** Before the outbox is asked again that was busy, or whose account has used up its limit. */
const outboxWaitMs = { busy: 5_000, rate_limited: 60_000 } as const;

/** Writes what was found out. Every branch is one transaction, and writes nothing where the ticket is in other hands. */
export async function carryOut(deps: CarryOutDeps, inHand: InHand, verdict: Verdict): Promise<void> {
  const { store } = deps;
  const { ticket } = inHand;
  switch (verdict.kind) {
    case "skip": {
      const { kind: _, ...end } = verdict;
      return tell(deps, inHand, await store.answering.end(ticket, { state: "skipped", ...end }));
    }
    case "report":
      return recordReport(deps, inHand, verdict);
    case "wait": {
      const { kind: _, ...wait } = verdict;
      await store.answering.postpone(ticket, wait);
      return;
    }
    case "look":
      await store.answering.lookFirst(ticket);
      return;
    case "escalate":
      return escalate(deps, inHand, verdict);
    case "letter":
      return deliver(deps, inHand, verdict);
    case "failed":
      return fail(deps, inHand, verdict);
    default:
      throw new TypeError(`no verdict: ${JSON.stringify(verdict satisfies never)}`);
  }
}

/** A failed try: again later, or the end. */
export async function fail(
  { store, telemetry, random }: Pick<CarryOutDeps, "store" | "telemetry" | "random">,
  { ticket, mailbox }: { readonly ticket: Ticket; readonly mailbox?: OpenedMailbox },
  failure: Failed,
): Promise<void> {
  const { kind: _, permanent, code, detail, retryAfterMs, endsAs, ...findings } = failure;
  const maxTries = mailbox?.settings.answer?.maxTries ?? defaultMaxTries;
  const next = nextTry({ permanent, retryAfterMs }, { tries: ticket.tries, maxTries }, random);
  const facts = { ...factsOf(ticket, mailbox), reason: code, detail };
  if (next.kind === "again") {
    const { afterMs } = next;
    if (!(await store.answering.postpone(ticket, { afterMs, failed: { reason: code, detail }, ...findings }))) return;
    return telemetry.answerFailed({ ...facts, retryInMs: afterMs });
  }
  const ended = await store.answering.end(ticket, { state: endsAs, reason: code, detail, ...findings });
  if (ended.kind !== "ended") return;
  if (endsAs === "skipped") telemetry.skipped(facts);
  else telemetry.answerFailed(facts);
}

async function deliver(
  deps: CarryOutDeps,
  inHand: InHand,
  verdict: Extract<Verdict, { kind: "letter" }>,
): Promise<void> {
  const { store } = deps;
  const { ticket, mailbox } = inHand;
  const { answer: settings } = mailbox.settings;
  const { letter, answerer, transcript } = verdict;
  if (!settings) throw new TypeError("an answer without its settings");
  const { correspondent, draft } = letter;
  const findings: Findings & { readonly draft: typeof draft } = {
    correspondent,
    draft,
    ...(transcript !== undefined && { transcript }),
  };
  const mode = ticket.approved ? "send" : settings.mode;
  switch (mode) {
    case "shadow":
      return tell(deps, inHand, await store.answering.end(ticket, { state: "skipped", reason: "shadow", ...findings }));
    case "approve":
      if (await store.answering.askForApproval(ticket, findings))
        deps.telemetry.awaitingApproval(factsOf(ticket, mailbox));
      return;
    case "send":
    case "draft": {
      const outgoing = outgoingAnswer(
        ticket,
        { letter, answerer, settings, transcript },
        mode === "send" ? "outbox" : "drafts",
      );
      crashPoint("answer-before-commit", ticket.inboundUid);
      const answered = await store.answering.answer(ticket, outgoing);
      crashPoint("answer-after-commit", ticket.inboundUid);
      return afterAnswer(deps, inHand, answered, { answerer, messageId: letter.messageId, findings });
    }
  }
}

async function afterAnswer(
  deps: CarryOutDeps,
  inHand: InHand,
  answered: Answered,
  {
    answerer,
    messageId,
    findings,
  }: { readonly answerer: string; readonly messageId: string; readonly findings: Findings },
): Promise<void> {
  const { store, telemetry } = deps;
  const { ticket, mailbox } = inHand;
  switch (answered.kind) {
    case "answered":
      if (answered.accountUid !== undefined) deps.wakeOutbox(answered.accountUid);
      return telemetry.answered({ ...factsOf(ticket, mailbox), answerer, messageId });
    case "lost":
      return;
    case "stopped":
      // Nobody claims it before the switch is off again.
      await store.answering.postpone(ticket, { afterMs: 0 });
      return;
    case "refused":
      if (answered.reason === "tenant_suspended") {
        await store.answering.postpone(ticket, { afterMs: 0 });
        return;
      }
      return tell(
        deps,
        inHand,
        await store.answering.end(ticket, { state: "skipped", reason: answered.reason, ...findings }),
      );
    case "not_accepted":
      return notAccepted(deps, inHand, answered, findings);
  }
}

/** The outbox did not take it: it waits where time will help, and ends where only a person can. */
async function notAccepted(
  deps: CarryOutDeps,
  inHand: InHand,
  { code, detail }: { readonly code: string; readonly detail: string },
  findings: Findings,
): Promise<void> {
  const { answering } = deps.store;
  switch (code) {
    case "tenant_suspended":
      await answering.postpone(inHand.ticket, { afterMs: 0, ...findings });
      return;
    case "busy":
    case "rate_limited":
      await answering.postpone(inHand.ticket, { afterMs: outboxWaitMs[code], ...findings });
      return;
    default:
      return fail(deps, inHand, { kind: "failed", permanent: true, code, detail, endsAs: "failed", ...findings });
  }
}

/** Whatever of these the mailbox's settings name: called, forwarded, moved. The call comes first, as it may fail. */
async function escalate(
  deps: CarryOutDeps,
  inHand: InHand,
  { kind: _, note, request, ...findings }: Extract<Verdict, { kind: "escalate" }>,
): Promise<void> {
  const { ticket, mailbox, journal, signal } = inHand;
  const { forwardTo, moveTo, url } = mailbox.settings.answer?.escalate ?? {};
  const failed = (code: string, detail: string): Promise<void> =>
    fail(deps, inHand, { kind: "failed", permanent: true, code, detail, endsAs: "failed", ...findings });
  if (forwardTo === undefined && moveTo === undefined && url === undefined) return failed("escalated", note);

  if (url !== undefined) {
    const call = { url, secret: mailbox.secrets.webhookSecret, request, note, signal };
    const called = await journal
      .step({ kind: "webhook", name: "escalation", request: { url, inbound: ticket.inboundUid } }, async () => {
        const result = await callEscalation(deps.operator, call);
        if (result.kind === "failed") throw new CallFailed(result);
        return result;
      })
      .catch((error: unknown) => {
        if (error instanceof CallFailed) return error.failure;
        throw error;
      });
    if (called.kind === "failed") return fail(deps, inHand, { ...called, endsAs: "failed", ...findings });
  }
  let submission: Submission | undefined;
  if (forwardTo !== undefined) {
    const letter = await forwarded(deps, inHand, { forwardTo, note, message: request.message });
    if ("ok" in letter) return failed("escalation_unusable", `${letter.field}: ${letter.detail}`);
    submission = letter;
  }
  const actions: readonly MailboxAction[] = moveTo === undefined ? [] : [{ kind: "move", to: moveTo }];
  const end = { state: "skipped", reason: "escalated", detail: note, actions, ...findings } as const;
  const ended = await deps.store.answering.end(ticket, { ...end, ...(submission && { submission }) });
  if (ended.kind === "not_accepted") return notAccepted(deps, inHand, ended, findings);
  return tell(deps, inHand, ended);
}

/** Keeps a call that failed out of the journal, which remembers every step that returns. */
class CallFailed extends Error {
  readonly failure: Extract<Awaited<ReturnType<typeof callEscalation>>, { kind: "failed" }>;
  constructor(failure: CallFailed["failure"]) {
    super(failure.code);
    this.failure = failure;
  }
}

const forwarded = (
  { store, nowMs }: CarryOutDeps,
  { ticket, mailbox, content }: InHand,
  what: { readonly forwardTo: string; readonly note: string; readonly message: ParsedMessage },
) => {
  const { answer: settings } = mailbox.settings;
  if (!settings) throw new TypeError("an escalation without its settings");
  const { tenantId, inboundUid } = ticket;
  const sign = store.signers[0] as Sign;
  return escalationLetter({
    ...what,
    tenantId,
    inboundUid,
    mailboxId: mailbox.id,
    settings,
    content,
    date: new Date(nowMs()),
    sign,
  });
};

async function recordReport(
  deps: CarryOutDeps,
  inHand: InHand,
  { kind: _, report, ...told }: Extract<Verdict, { kind: "report" }>,
): Promise<void> {
  const { tenantId, inboundUid } = inHand.ticket;
  const end = { state: "skipped", ...told } as const;
  const isForReports = inHand.mailbox.settings.role === "bounces";
  const ended = await deps.store.answering.end(inHand.ticket, end, async (tx) => {
    const recorded = await deps.store.deliveryReports.record(tx, { tenantId, inboundUid, report });
    if (recorded.kind === "unmatched") return undefined;
    const about = `${report.kind} for ${recorded.deliveryUid}: ${recorded.effect}`;
    return { reason: isForReports ? "bounce_recorded" : told.reason, detail: about };
  });
  return tell(deps, inHand, ended);
}

/** Says of a message that has ended unanswered that it has. */
function tell({ telemetry }: CarryOutDeps, { ticket, mailbox }: InHand, ended: Ended): void {
  if (ended.kind === "ended") telemetry.skipped({ ...factsOf(ticket, mailbox), reason: ended.reason });
}

const factsOf = ({ inboundUid, tenantId }: Ticket, mailbox: OpenedMailbox | undefined) => ({
  inboundId: inboundUid,
  tenantId,
  ...(mailbox && { mailboxId: mailbox.id }),
});
