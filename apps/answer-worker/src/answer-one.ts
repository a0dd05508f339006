import type { OperatorConfig, openAnswerer } from "@mailfleet/answer";
import type { Parser } from "@mailfleet/parser";
import { crashPoint } from "@mailfleet/service";
import { openAnswerJournal, type Store, type Ticket, TicketLostError } from "@mailfleet/store";
import type { Telemetry } from "@mailfleet/telemetry";
import { carryOut } from "./carry-out.ts";
import { consider } from "./consider.ts";
import { AnsweringStoppedError, guardedJournal } from "./guarded-journal.ts";
import { isContention } from "./passing-trouble.ts";
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
  /** The content of a message is in memory now, until it is answered. */
  readonly onLoaded?: (sizeBytes: number) => void;
}

/**
 * A message that was in hand this often when its process died is not begun again: twice in company, where all that was in
 * hand counts the death; and then as the only one of its kind, which alone counts it. Processes die for other reasons, too:
 * an innocent message that is unlucky a few times is still answered.
 */
export const maxCrashes = 10;

/** A look made once the message was due is good for this long: under a backlog, it would be looked at for ever otherwise. */
const lookedWhenDueMs = 600_000;
/** Until what SQL had no lock for is begun again. */
const contentionWaitMs = 1_000;

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
    // Nobody claims what was stopped before the switch is off again.
    if (signal.aborted || error instanceof AnsweringStoppedError) {
      return void (await deps.store.answering.postpone(ticket, { afterMs: 0 }));
    }
    if (isContention(error)) {
      deps.telemetry.log.info(
        { event: "answer_contended", inboundId: ticket.inboundUid, err: error },
        "begun again soon",
      );
      return void (await deps.store.answering.postpone(ticket, { afterMs: contentionWaitMs }));
    }
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
  if (!inbound) return fail(deps, inHand, failure("content_missing", "It is not stored any more."));
  const { content } = inbound;
  // It ended when it was recorded, and was begun anew. Where its watcher cannot read it, that ends it.
  if (!content) return void (await store.answering.fetchFirst(ticket));
  deps.onLoaded?.(content.byteLength);
  const journal = guardedJournal(store, ticket, openAnswerJournal(store.db, ticket, inbound.run));
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
      isLookFresh: isLookFresh(ticket, deps),
      journal,
    },
    signal,
  );
  signal.throwIfAborted();
  await carryOut(deps, { ...inHand, content, journal, signal }, verdict);
}

function isLookFresh({ lookedAt, dueAt }: Ticket, { nowMs, lookAfterMs }: AnswerDeps): boolean {
  const ageMs = nowMs() - lookedAt.getTime();
  return ageMs <= (lookedAt > dueAt ? Math.max(lookAfterMs, lookedWhenDueMs) : lookAfterMs);
}

const failure = (code: string, detail: string): Failed => ({
  kind: "failed",
  permanent: true,
  code,
  detail,
  endsAs: "failed",
});
