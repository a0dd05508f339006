import { trialJournal } from "@mailfleet/answer";
import type { OpenedMailbox, Question, Store } from "@mailfleet/store";
import { type ConsiderDeps, consider } from "./consider.ts";
import type { Verdict } from "./verdict.ts";

/** What would become of a message, had it arrived now. */
export interface Trial {
  /** `unknown`: the trial came to no end, which says nothing about the message. */
  readonly decision: "answer" | "skip" | "later" | "escalate" | "fail" | "unknown";
  readonly reason: string | null;
  readonly detail: string | null;
  readonly draft: unknown;
  /** What the mailbox does with an answer; with an answer only. */
  readonly mode?: string;
  readonly answerer?: string;
  readonly transcript?: unknown;
}

/**
 * Answers a `try`: decides as about any message, and writes, sends and calls nothing but the answerer. A model's
 * tools are not run, since they may do something; what the model uses counts, since it costs.
 */
export async function tryMessage(
  deps: ConsiderDeps & { readonly store: Pick<Store, "mailboxes"> },
  { id, mailboxUid, bytes }: Question,
  signal: AbortSignal,
): Promise<Trial> {
  const mailbox = await deps.store.mailboxes.open(mailboxUid);
  if (!mailbox || !bytes) return trial("fail", "mailbox_deleted");
  const now = new Date(deps.nowMs());
  const verdict = await consider(
    deps,
    {
      mailbox: asTried(mailbox),
      inboundUid: id,
      content: bytes,
      flags: [],
      arrivedAt: now,
      receivedAt: now,
      // As the last try, so that a model that fails shows its fallback.
      tries: (mailbox.settings.answer?.maxTries ?? 1) - 1,
      isAskedFor: false,
      approved: null,
      draft: null,
      isLookFresh: true,
      journal: trialJournal(id),
    },
    signal,
  );
  return trialOf(verdict, mailbox);
}

const trial = (decision: Trial["decision"], reason?: string, detail?: string): Trial => ({
  decision,
  reason: reason ?? null,
  detail: detail ?? null,
  draft: null,
});

function trialOf(verdict: Verdict, { settings }: OpenedMailbox): Trial {
  const transcript = "transcript" in verdict ? { transcript: verdict.transcript } : {};
  switch (verdict.kind) {
    case "letter": {
      const mode = settings.answer?.mode ?? "send";
      const said = { ...trial("answer"), draft: verdict.letter.draft, mode, answerer: verdict.answerer };
      return { ...said, ...transcript };
    }
    case "skip":
      return { ...trial("skip", verdict.reason, verdict.detail), ...transcript };
    case "report":
      return trial("skip", verdict.reason, verdict.detail ?? `It reports: ${verdict.report.kind}.`);
    case "wait":
      return trial("later", undefined, `In ${Math.ceil(verdict.afterMs / 1_000)} s.`);
    case "look":
      return trial("later");
    case "escalate":
      return { ...trial("escalate", undefined, verdict.note), ...transcript };
    case "failed":
      return { ...trial("fail", verdict.code, verdict.detail), ...transcript };
  }
}

/** What is tried now is answered as if its time had come; and no server has written its Return-Path, so that it may lack one. */
function asTried(mailbox: OpenedMailbox): OpenedMailbox {
  const { answer, ...settings } = mailbox.settings;
  return {
    ...mailbox,
    settings: { ...settings, recordsReturnPath: false, ...(answer && { answer: { ...answer, answerAfterMs: 0 } }) },
  };
}
