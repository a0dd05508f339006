import type { Journal } from "@mailfleet/answer";
import { type AnswerJournal, type Store, type Ticket, TicketLostError } from "@mailfleet/store";

/** A kill switch was set, or the tenant suspended, while an answerer was at work: nothing more is called, and the message waits. */
export class AnsweringStoppedError extends Error {
  readonly code = "answering_stopped";
}

/** Asks before each step whether work may go on, so that a kill switch ends a conversation, and no tool is run after it. */
export function guardedJournal(store: Pick<Store, "answering">, ticket: Ticket, journal: AnswerJournal): Journal {
  return {
    async step(facts, act) {
      const may = await store.answering.mayGoOn(ticket);
      if (may === "lost") throw new TicketLostError("the message is in other hands");
      if (may === "stopped") throw new AnsweringStoppedError("answering was stopped meanwhile");
      return journal.step(facts, act);
    },
  };
}
