import type { Store, Ticket } from "@mailfleet/store";

/** Messages that could be neither ended nor given back, as the database was away: they go back once it is there again. */
export interface Unreturned {
  add(ticket: Ticket, error: unknown): void;
  giveBack(): Promise<void>;
}

export function openUnreturned(store: Pick<Store, "answering">, onError: (error: unknown) => void): Unreturned {
  const tickets = new Set<Ticket>();
  return {
    add(ticket, error) {
      tickets.add(ticket);
      onError(error);
    },
    async giveBack() {
      for (const ticket of tickets) {
        await store.answering.postpone(ticket, { afterMs: 0 });
        tickets.delete(ticket);
      }
    },
  };
}
