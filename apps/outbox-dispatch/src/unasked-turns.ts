import type { Queues } from "@mailfleet/queue";

/**
 * While Redis is away nobody can be asked for a turn, and mail must flow all the same: who finds an account with mail due
 * takes its turn right here, in a slot of its own.
 */
export interface UnaskedTurns {
  /** Looks whether Redis answers; what it says holds until the next look. */
  look(): Promise<void>;
  /** Asks the fleet for a turn, or takes it here. */
  wake(accountUid: number): void;
  /** Whether turns of other accounts wait, as far as can be known. */
  othersWait: Queues["othersWait"];
}

export function openUnaskedTurns({
  queues,
  slots,
  take,
}: {
  readonly queues: Pick<Queues, "wake" | "othersWait" | "ping">;
  /** Turns taken here at once. */
  readonly slots: number;
  readonly take: (accountUid: number) => Promise<unknown>;
}): UnaskedTurns {
  const underWay = new Set<number>();
  /** Accounts that found no slot; the next sweep finds them again. */
  const waiting = new Set<number>();
  let isAway = false;

  return {
    async look() {
      waiting.clear();
      isAway = await queues.ping().then(
        () => false,
        () => true,
      );
    },
    wake(accountUid) {
      if (!isAway) return queues.wake(String(accountUid));
      if (underWay.has(accountUid)) return;
      if (underWay.size >= slots) return void waiting.add(accountUid);
      underWay.add(accountUid);
      void take(accountUid).finally(() => underWay.delete(accountUid));
    },
    othersWait: async (queue, accountUid) => (isAway ? waiting.size > 0 : queues.othersWait(queue, accountUid)),
  };
}
