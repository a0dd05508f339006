import type { QueueName, Queues } from "@mailfleet/queue";
import { every, type Scope, type Watchdog } from "@mailfleet/service";
import { joinAsWorker, leaseLimitsOf, openRounds, type SendingAccount, type Store } from "@mailfleet/store";
import type { Telemetry } from "@mailfleet/telemetry";
import { openNextHop } from "@mailfleet/transport";
import { openAccessTokens } from "./access-tokens.ts";
import { openAccountQueues } from "./account-queue.ts";
import { removeOrphans, resealOnce } from "./chores.ts";
import type { dispatchSettings } from "./config.ts";
import { settingsFor } from "./next-hop-settings.ts";
import { openOutbox } from "./outbox.ts";
import { openParkedLanes } from "./parked-lanes.ts";
import { openSlots, type Slots } from "./slots.ts";
import { maintain, sweep } from "./sweep.ts";
import { type TurnDeps, type TurnEnd, takeTurn } from "./turn.ts";
import { turnEvents } from "./turn-events.ts";
import { openUnaskedTurns } from "./unasked-turns.ts";

export interface DispatchDeps {
  readonly store: Store;
  readonly queues: Queues;
  readonly telemetry: Telemetry;
  readonly settings: ReturnType<typeof dispatchSettings> & { readonly graceMs: number };
  readonly watchdog?: Watchdog;
}

/** Turns whose message is slow keep their lane without a slot; beyond this many they keep the slot too. */
const maxDetached = 128;
/** How long a lane that runs dry waits for its account's next mail. */
const lingerMs = 25;
/** Before a turn that had no share of the slots asks again. */
const shareWaitMs = 50;
/** Removes what is old, makes next month's partitions, samples depths. */
const maintenanceMs = 15_000;
/** Asks whether a chore of the fleet's is due. */
const choresMs = 300_000;

const turns: QueueName = "mailfleet-turns";
const express: QueueName = "mailfleet-turns-express";

/** Sends what is due until `draining` aborts and the turns in hand have ended. */
export async function startDispatch(
  { store, queues, telemetry, settings, watchdog }: DispatchDeps,
  scope: Scope,
): Promise<void> {
  const { draining, stopping } = scope;
  const lease = scope.own(
    await joinAsWorker(store.db, {
      app: "outbox-dispatch",
      limits: leaseLimitsOf(settings.leaseMs),
      onLost: (id) =>
        telemetry.log.warn({ event: "lease_lost", workerId: id }, "the lease was lost; working on under a new one"),
      onError: (error) =>
        telemetry.log.error({ event: "renewal_failed", err: error }, "the lease could not be renewed"),
    }),
    "worker lease",
  );
  const rounds = scope.own(
    openRounds(store.db, lease, {
      onError: telemetry.roundFailed,
      onLate: (record, what) =>
        telemetry.log.warn(
          { event: "late_result", deliveryId: record.deliveryUid, outcome: record.outcome, what },
          "a late result",
        ),
    }),
    "rounds",
  );
  const outbox = openOutbox(store, lease, rounds, { stopping, onError: reportTo(telemetry, "outbox") });
  const tokens = openAccessTokens();
  const parked = scope.own(
    openParkedLanes({
      idleMs: settings.idleMs,
      isCurrent: ({ lane }) => outbox.holds(lane.workerId),
      async close({ lane, nextHop }) {
        await nextHop[Symbol.asyncDispose]();
        await outbox.releaseLane(lane);
      },
    }),
    "parked lanes",
  );
  const deps: TurnDeps = {
    outbox,
    queues: openAccountQueues(outbox, undefined, () => new Promise((resolve) => setTimeout(resolve, lingerMs))),
    parked,
    events: turnEvents(telemetry),
    async openNextHop(account) {
      const token = await tokens.of(account);
      if (typeof token === "object") return token;
      return openNextHop(settingsFor(account, settings.ehloName, token));
    },
    ehloName: settings.ehloName,
    sign: (text) => (store.signers[0] as (text: string) => Buffer)(text),
    random: Math.random,
    now: () => performance.now(),
  };
  const underWay = new Set<Promise<unknown>>();
  const tenants = openSlots(settings.slots);
  const unasked = openUnaskedTurns({
    queues,
    slots: settings.slots,
    take: (accountUid) => runner(turns, accountUid, 0, tenants).catch(reportTo(telemetry, "turn")),
  });
  const { othersWait } = unasked;
  const runner = turnRunner({ deps, queues: { ...queues, othersWait }, settings, draining, underWay });
  const work = (queue: QueueName, slots: number) =>
    queues.work(queue, {
      slots,
      draining,
      closeMs: settings.graceMs,
      handle: ({ accountUid, lane }) => runner(queue, Number(accountUid), lane, tenants),
    });
  const sweepDeps = {
    store,
    outbox,
    telemetry,
    ehloName: settings.ehloName,
    random: Math.random,
    workerId: () => lease.id,
    wake: unasked.wake,
  };
  const pulse = watchdog?.watch("sweep", 60_000);

  await Promise.all([
    work(turns, settings.slots),
    work(express, settings.expressSlots),
    every(
      {
        intervalMs: settings.sweepMs,
        jitter: 0.25,
        signal: draining,
        onError: reportTo(telemetry, "sweep"),
        onTick: () => pulse?.beat(),
      },
      async () => {
        await unasked.look();
        await sweep(sweepDeps);
      },
    ),
    every(
      { intervalMs: maintenanceMs, jitter: 0.25, signal: draining, onError: reportTo(telemetry, "maintenance") },
      () => maintain({ store, queues, telemetry, wake: unasked.wake }),
    ),
    every({ intervalMs: choresMs, jitter: 0.25, signal: draining, onError: reportTo(telemetry, "chores") }, (signal) =>
      removeOrphans({ store, telemetry }, signal),
    ),
    resealOnce({ store, telemetry }),
  ]);
  // Slow messages keep their lanes after their slots are gone; they have until `stopping`.
  await Promise.race([Promise.allSettled([...underWay]), aborted(stopping)]);
}

interface RunnerDeps {
  readonly deps: TurnDeps;
  readonly queues: Queues;
  readonly settings: DispatchDeps["settings"];
  readonly draining: AbortSignal;
  readonly underWay: Set<Promise<unknown>>;
}

/** Takes turns for jobs, and lets go of a job whose turn waits for a slow next hop. */
function turnRunner({ deps, queues, settings, draining, underWay }: RunnerDeps) {
  const watches = new Set<Watch>();
  let detached = 0;
  const watcher = setInterval(() => {
    const now = performance.now();
    for (const watch of watches) {
      if (watch.since !== undefined && now - watch.since > settings.slowMs && detached < maxDetached) watch.letGo();
    }
  }, 500).unref();
  draining.addEventListener("abort", () => clearInterval(watcher), { once: true });

  return async function run(queue: QueueName, accountUid: number, lane: number, slots: Slots): Promise<void> {
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

const reportTo = (telemetry: Telemetry, loop: string) => (error: unknown) =>
  telemetry.log.error({ event: "loop_failed", loop, err: error }, "a loop had trouble; it goes on");

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
