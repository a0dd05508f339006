import type { Store, Ticket } from "@mailfleet/store";

/**
 * Messages that would stay in this process's hands for as long as it lives and renews its lease, as nobody else would find
 * them: those that could be neither ended nor given back while the database was away, and those that it never heard of,
 * since the answer to its claim was lost. It gives them back as soon as it can.
 */
export interface Unreturned {
  /** Has a ticket worked on, and remembers it where `work` rejects. Never rejects itself. */
  hold(ticket: Ticket, work: Promise<void>): Promise<void>;
  /** How many it was that the worker had never heard of. */
  giveBack(workerId: number): Promise<number>;
}

/** No statement's answer comes later than this. */
const unheardMs = 60_000;

export function openUnreturned(store: Pick<Store, "answering">, onError: (error: unknown) => void): Unreturned {
  const inHand = new Set<Ticket>();
  const failed = new Set<Ticket>();
  return {
    async hold(ticket, work) {
      inHand.add(ticket);
      try {
        await work;
        inHand.delete(ticket);
      } catch (error) {
        failed.add(ticket);
        onError(error);
      }
    },
    async giveBack(workerId) {
      for (const ticket of failed) {
        await store.answering.postpone(ticket, { afterMs: 0 });
        failed.delete(ticket);
        inHand.delete(ticket);
      }
      const known = [...inHand].map(({ inboundUid }) => inboundUid);
      return store.answering.returnUnheard(workerId, known, unheardMs);
    },
  };
}
