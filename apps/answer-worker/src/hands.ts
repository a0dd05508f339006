import type { Ticket } from "@mailfleet/store";

/** What a process has in hand: never more than its slots, besides what is slow. */
export interface Hands {
  /** Claims the next message and answers it; resolves when that is over, or found to be slow. For an errand. */
  takeNext(): Promise<void>;
  /** Claims what is due, as far as slots are free; does not wait for its end. */
  fill(): Promise<void>;
  /** The inbound uids of what is in hand, slow or not. */
  held(): readonly string[];
  /** Calls off the work on these. */
  callOff(inboundUids: readonly string[]): void;
  /** Resolves when nothing is in hand, slow or not. */
  empty(): Promise<void>;
}

export interface HandsOptions {
  readonly slots: number;
  /** A message that takes longer, as a model may, is worked on without a slot, so that it keeps nobody out. */
  readonly slowMs: number;
  readonly draining: AbortSignal;
  readonly claim: (limit: number) => Promise<readonly Ticket[]>;
  /** Never rejects, and ends soon after `calledOff` aborts. */
  readonly answer: (ticket: Ticket, hold: Hold) => Promise<void>;
  readonly onError: (error: unknown) => void;
}

export interface Hold {
  readonly calledOff: AbortSignal;
  /** The message holds so many bytes in memory until it is answered. */
  readonly onLoaded: (sizeBytes: number) => void;
}

/** Slow messages without a slot; beyond this many they keep theirs. */
export const maxDetached = 128;
/** While the contents in hand are larger than this together, nothing is claimed. One round of claims may still pass it. */
export const maxBytesInHand = 256 * 1_048_576;

export function openHands({ slots, slowMs, draining, claim, answer, onError }: HandsOptions): Hands {
  const inHand = new Map<Promise<void>, { readonly inboundUid: string; readonly work: AbortController }>();
  const claimInTurn = oneAfterAnother(claim);
  /** Slots that are in use, or about to be. */
  let used = 0;
  let detached = 0;
  let bytesInHand = 0;
  let filling: Promise<void> | undefined;
  /** Something has changed since it was asked what is due. */
  let isStale = false;

  const hasRoom = (): boolean => used < slots && bytesInHand < maxBytesInHand;

  /** The slots are taken before it is asked, so that nobody else fills them meanwhile. */
  async function claimFor(want: number): Promise<readonly Ticket[]> {
    used += want;
    let tickets: readonly Ticket[] = [];
    try {
      tickets = await claimInTurn(want);
    } finally {
      used -= want - tickets.length;
    }
    return tickets;
  }

  /** Resolves when the slot is free again. */
  function work(ticket: Ticket): Promise<void> {
    const freed = Promise.withResolvers<void>();
    let hasSlot = true;
    const leaveSlot = (): void => {
      hasSlot = false;
      used--;
      freed.resolve();
    };
    // What found no slot, or what its tenant's share kept out, may be claimed after either.
    const look = (): void => void fill().catch(onError);
    const timer = setTimeout(() => {
      if (detached >= maxDetached) return;
      detached++;
      leaveSlot();
      look();
    }, slowMs);
    let bytes = 0;
    const onLoaded = (sizeBytes: number): void => {
      bytes += sizeBytes;
      bytesInHand += sizeBytes;
    };
    const work = new AbortController();
    const ended = answer(ticket, { calledOff: work.signal, onLoaded }).finally(() => {
      clearTimeout(timer);
      bytesInHand -= bytes;
      inHand.delete(ended);
      if (hasSlot) leaveSlot();
      else detached--;
      look();
    });
    inHand.set(ended, { inboundUid: ticket.inboundUid, work });
    return freed.promise;
  }

  function fill(): Promise<void> {
    isStale = true;
    filling ??= fillUp();
    return filling;
  }

  async function fillUp(): Promise<void> {
    try {
      await null; // So that nobody begins another before this one is known.
      while (isStale && hasRoom() && !draining.aborted) {
        isStale = false;
        for (const ticket of await claimFor(slots - used)) void work(ticket);
      }
    } finally {
      filling = undefined;
    }
  }

  return {
    async takeNext() {
      if (draining.aborted) return;
      if (!hasRoom()) {
        isStale = true; // Whoever asks now, or ends, looks for it.
        return;
      }
      const [ticket] = await claimFor(1);
      if (ticket) await work(ticket);
    },
    fill,
    held: () => [...inHand.values()].map(({ inboundUid }) => inboundUid),
    callOff(inboundUids) {
      for (const { inboundUid, work } of inHand.values()) if (inboundUids.includes(inboundUid)) work.abort();
    },
    async empty() {
      while (inHand.size > 0) await Promise.all(inHand.keys());
    },
  };
}

interface Want extends PromiseWithResolvers<readonly Ticket[]> {
  readonly want: number;
}

/** One claim at a time, for all who wait for one: those who came first are served first. */
function oneAfterAnother(claim: HandsOptions["claim"]): (want: number) => Promise<readonly Ticket[]> {
  let waiting: Want[] = [];
  let isClaiming = false;

  async function run(): Promise<void> {
    isClaiming = true;
    while (waiting.length > 0) {
      const served = waiting;
      waiting = [];
      try {
        const tickets = [...(await claim(served.reduce((sum, { want }) => sum + want, 0)))];
        for (const one of served) one.resolve(tickets.splice(0, one.want));
      } catch (error) {
        for (const one of served) one.reject(error);
      }
    }
    isClaiming = false;
  }

  return (want) => {
    const one: Want = { ...Promise.withResolvers<readonly Ticket[]>(), want };
    waiting.push(one);
    if (!isClaiming) void run();
    return one.promise;
  };
}
