import type { Ticket } from "@mailfleet/store";

/** What a process has in hand, which is never more than its slots. */
export interface Hands {
  /** Claims the next message and answers it; resolves when that is over. For an errand. */
  takeNext(): Promise<void>;
  /** Claims what is due, as far as slots are free; does not wait for its end. */
  fill(): Promise<void>;
  /** Resolves when nothing is in hand. */
  empty(): Promise<void>;
}

export function openHands({
  slots,
  draining,
  claim,
  answer,
  onError,
}: {
  readonly slots: number;
  readonly draining: AbortSignal;
  readonly claim: (limit: number) => Promise<readonly Ticket[]>;
  /** Never rejects. */
  readonly answer: (ticket: Ticket) => Promise<void>;
  readonly onError: (error: unknown) => void;
}): Hands {
  const inHand = new Set<Promise<void>>();
  let reserved = 0;
  /** Something may be due that found no slot, or that its tenant's share kept out: whoever ends looks again. */
  let mayBeMore = false;

  function begin(ticket: Ticket): Promise<void> {
    const ended = answer(ticket).finally(() => {
      inHand.delete(ended);
      if (mayBeMore) void fill().catch(onError);
    });
    inHand.add(ended);
    return ended;
  }

  /** The slots are taken before it is asked, so that nobody else fills them meanwhile. */
  async function claimFor(want: number): Promise<readonly Ticket[]> {
    reserved += want;
    try {
      return await claim(want);
    } finally {
      reserved -= want;
    }
  }

  const free = (): number => slots - inHand.size - reserved;

  async function fill(): Promise<void> {
    do {
      mayBeMore = false;
      const want = free();
      if (want <= 0 || draining.aborted) {
        mayBeMore = true;
        return;
      }
      const tickets = await claimFor(want);
      for (const ticket of tickets) void begin(ticket);
      if (tickets.length === want) mayBeMore = true;
    } while (mayBeMore && free() > 0 && !draining.aborted);
  }

  return {
    async takeNext() {
      if (draining.aborted) return;
      if (free() <= 0) {
        mayBeMore = true;
        return;
      }
      const [ticket] = await claimFor(1);
      if (ticket) await begin(ticket);
      else mayBeMore = true;
    },
    fill,
    async empty() {
      while (inHand.size > 0) await Promise.all([...inHand]);
    },
  };
}
