import type { Queues, TurnQueueName } from "@mailfleet/queue";
import type { SendingAccount } from "@mailfleet/store";
import type { dispatchSettings } from "./config.ts";
import type { Slots } from "./slots.ts";
import { type TurnDeps, type TurnEnd, takeTurn } from "./turn.ts";

export const turns: TurnQueueName = "mailfleet-turns";
export const express: TurnQueueName = "mailfleet-turns-express";

/** Turns whose message is slow keep their lane without a slot; beyond this many they keep the slot too. */
const maxDetached = 128;
/** Before a turn that had no share of the slots asks again. */
const shareWaitMs = 50;

interface RunnerDeps {
  readonly deps: TurnDeps;
  readonly queues: Queues;
  readonly settings: Pick<ReturnType<typeof dispatchSettings>, "slowMs" | "turnMessages" | "turnMs">;
  readonly draining: AbortSignal;
  readonly underWay: Set<Promise<unknown>>;
}

/** Takes turns for jobs, and lets go of a job whose turn waits for a slow next hop. */
export function turnRunner({ deps, queues, settings, draining, underWay }: RunnerDeps) {
  const watches = new Set<Watch>();
  let detached = 0;
  const watcher = setInterval(() => {
    const now = performance.now();
    for (const watch of watches) {
      if (watch.since !== undefined && now - watch.since > settings.slowMs && detached < maxDetached) watch.letGo();
    }
  }, 500).unref();
  draining.addEventListener("abort", () => clearInterval(watcher), { once: true });

  return async function run(queue: TurnQueueName, accountUid: number, lane: number, slots: Slots): Promise<void> {
    const account = await deps.outbox.account(accountUid);
    if (!account) return;
    const again = () => queues.wake(String(accountUid), { lane, express: queue === express });
    if (queue === turns && !slots.hasShare(account.tenantId) && (await otherTenantsWait(account))) {
      await new Promise((resolve) => setTimeout(resolve, shareWaitMs));
      return again();
    }
    slots.enter(account.tenantId);
    const released = Promise.withResolvers<void>();
    const watch: Watch = {
      since: undefined,
      isDetached: false,
      letGo() {
        watch.isDetached = true;
        watches.delete(watch);
        detached++;
        released.resolve();
      },
    };
    watches.add(watch);
    const turn = takeTurn(deps, accountUid, {
      express: queue === express,
      mayGoOn: (messages, ms) => mayGoOn(watch, messages, ms),
      onMore: () => {
        if (lane + 1 < account.maxConnections)
          queues.wake(String(accountUid), { lane: lane + 1, express: queue === express });
      },
      onSending: (since) => {
        watch.since = since;
      },
    });
    const ended = turn
      .then((end: TurnEnd) => {
        if (end === "more" && !draining.aborted) again();
      })
      .catch(deps.events.failed)
      .finally(() => {
        watches.delete(watch);
        underWay.delete(ended);
        if (watch.isDetached) detached--;
      });
    underWay.add(ended);
    await Promise.race([ended, released.promise]);
    slots.leave(account.tenantId);

    async function otherTenantsWait({ tenantId }: SendingAccount): Promise<boolean> {
      for (const uid of await queues.waitingAccounts(queue)) {
        // An account that cannot be opened is its own turn's trouble.
        const waiting = await deps.outbox.account(Number(uid)).catch(() => undefined);
        if (waiting && waiting.tenantId !== tenantId) return true;
      }
      return false;
    }

    async function mayGoOn(of: Watch, messages: number, ms: number): Promise<boolean> {
      if (draining.aborted || of.isDetached) return false;
      if (messages % settings.turnMessages !== 0 && ms < settings.turnMs) return true;
      return !(await queues.othersWait(queue, String(accountUid)));
    }
  };
}

interface Watch {
  /** When the message in hand was begun. */
  since: number | undefined;
  isDetached: boolean;
  /** Frees the slot; the lane goes on until its message has ended. */
  letGo(): void;
}
