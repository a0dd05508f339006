import type { OperatorConfig, openAnswerer } from "@mailfleet/answer";
import type { Parser } from "@mailfleet/parser";
import { crashPoint } from "@mailfleet/service";
import { openAnswerJournal, type Store, type Ticket, TicketLostError } from "@mailfleet/store";
import type { Telemetry } from "@mailfleet/telemetry";
import { carryOut } from "./carry-out.ts";
import { consider } from "./consider.ts";
import { fail } from "./unanswered.ts";
import type { Failed } from "./verdict.ts";

export interface AnswerDeps {
  readonly store: Store;
  readonly parser: Parser;
  readonly operator: OperatorConfig;
  readonly telemetry: Telemetry;
  readonly wakeOutbox: (accountUid: number) => void;
  /** A message that waited for longer than this is looked at in its mailbox before it is answered. */
  readonly lookAfterMs: number;
  /** The database's clock. */
  readonly nowMs: () => number;
  readonly random: () => number;
  readonly openAnswerer?: typeof openAnswerer;
}

/** A message that took its process down this often is not begun again. */
export const maxCrashes = 3;

/**
 * Answers one message, whatever happens: it ends, waits, or goes back. An abort of `signal` gives it back free of charge,
 * trouble of our own costs a try. Rejects where it could not be given back; then the
 * sweep does that.
 */
export async function answerOne(deps: AnswerDeps, ticket: Ticket, signal: AbortSignal): Promise<void> {
  try {
    await decideAndCarryOut(deps, ticket, signal);
  } catch (error) {
    if (error instanceof TicketLostError) return;
    if (signal.aborted) return void (await deps.store.answering.postpone(ticket, { afterMs: 0 }));
    deps.telemetry.log.error(
      { event: "answer_troubled", inboundId: ticket.inboundUid, err: error },
      "answering failed",
    );
    await fail(deps, { ticket }, { ...failure("internal_error", "The log has the details."), permanent: false });
  }
}

/**
 * Finds out what is to become of the message, without writing; and then writes it, in one transaction. Doing it twice is
 * harmless: whoever has lost the ticket writes nothing.
 */
async function decideAndCarryOut(deps: AnswerDeps, ticket: Ticket, signal: AbortSignal): Promise<void> {
  const { store, telemetry } = deps;
  crashPoint("answer-after-claim", ticket.inboundUid);
  const mailbox = await store.mailboxes.open(ticket.mailboxUid);
  if (!mailbox) return void (await store.answering.end(ticket, { state: "skipped", reason: "mailbox_deleted" }));
  const inHand = { ticket, mailbox };
  if (ticket.crashes >= maxCrashes) return fail(deps, inHand, failure("poison", `${ticket.crashes} processes died.`));

  const inbound = await store.answering.load(ticket);
  if (!inbound?.content) return fail(deps, inHand, failure("content_missing", "Its content is not stored any more."));
  const { content } = inbound;
  const journal = openAnswerJournal(store.db, ticket, inbound.run);
  const isApproved = ticket.approved !== null;
  const verdict = await consider(
    {
      ...deps,
      modelUsed: (tokens) => telemetry.modelUsed({ tokens }),
      onDecided: () => crashPoint("answer-after-answerer", ticket.inboundUid),
    },
    {
      mailbox,
      inboundUid: ticket.inboundUid,
      content,
      flags: inbound.flags,
      arrivedAt: inbound.arrivedAt,
      receivedAt: inbound.receivedAt,
      tries: ticket.tries,
      isAskedFor: isApproved || inbound.run > 1,
      approved: ticket.approved,
      draft: inbound.draft,
      isLookFresh: deps.nowMs() - ticket.lookedAt.getTime() <= deps.lookAfterMs,
      journal,
    },
    signal,
  );
  signal.throwIfAborted();
  await carryOut(deps, { ...inHand, content, journal, signal }, verdict);
}

const failure = (code: string, detail: string): Failed => ({
  kind: "failed",
  permanent: true,
  code,
  detail,
  endsAs: "failed",
});
