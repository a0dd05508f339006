import type { Journal, OperatorConfig } from "@mailfleet/answer";
import type { Ended, Findings, OpenedMailbox, Store, Ticket } from "@mailfleet/store";
import type { Telemetry } from "@mailfleet/telemetry";
import { nextTry } from "./next-try.ts";
import type { Failed } from "./verdict.ts";

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

/** The outbox did not take it, for want of an account: only a person can help. */
export const notAccepted = (
  deps: CarryOutDeps,
  inHand: InHand,
  { code, detail }: { readonly code: string; readonly detail: string },
  findings: Findings,
): Promise<void> =>
  fail(deps, inHand, { kind: "failed", permanent: true, code, detail, endsAs: "failed", ...findings });

/** Says of a message that has ended unanswered that it has. */
export function tell({ telemetry }: CarryOutDeps, { ticket, mailbox }: InHand, ended: Ended): void {
  if (ended.kind === "ended") telemetry.skipped({ ...factsOf(ticket, mailbox), reason: ended.reason });
}

/** What telemetry is told of a message. */
export const factsOf = ({ inboundUid, tenantId }: Ticket, mailbox: OpenedMailbox | undefined) => ({
  inboundId: inboundUid,
  tenantId,
  ...(mailbox && { mailboxId: mailbox.id }),
});
