import type { Queues, TurnQueueName } from "@mailfleet/queue";
import { every, type Running, type Scope, type Watchdog } from "@mailfleet/service";
import { joinAsWorker, leaseLimitsOf, openRounds, type Store } from "@mailfleet/store";
import type { Telemetry } from "@mailfleet/telemetry";
import { openNextHop } from "@mailfleet/transport";
import { accessTokenOf } from "./access-tokens.ts";
import { openAccountQueues } from "./account-queue.ts";
import { removeOrphans, resealOnce } from "./chores.ts";
import type { dispatchSettings } from "./config.ts";
import { settingsFor } from "./next-hop-settings.ts";
import { openOutbox } from "./outbox.ts";
import { openParkedLanes } from "./parked-lanes.ts";
import { openSlots } from "./slots.ts";
import { maintain, sweep } from "./sweep.ts";
import type { TurnDeps } from "./turn.ts";
import { turnEvents } from "./turn-events.ts";
import { express, turnRunner, turns } from "./turn-runner.ts";
import { openUnaskedTurns } from "./unasked-turns.ts";

export interface DispatchDeps {
  readonly store: Store;
  readonly queues: Queues;
  readonly telemetry: Telemetry;
  readonly settings: ReturnType<typeof dispatchSettings> & { readonly graceMs: number };
  readonly watchdog?: Watchdog;
}

/** How long a lane that runs dry waits for its account's next mail. */
const lingerMs = 25;
/** Removes what is old, makes next month's partitions, samples depths. */
const maintenanceMs = 15_000;
/** Asks whether a chore of the fleet's is due. */
const choresMs = 300_000;

/**
 * Sends what is due until `draining` aborts and the turns in hand have ended. Resolves once it has joined the
 * dispatchers: from then on it bears the absence of whatever it uses.
 */
export async function startDispatch(
  { store, queues, telemetry, settings, watchdog }: DispatchDeps,
  scope: Scope,
): Promise<Running> {
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
  telemetry.log.info({ event: "joined", workerId: lease.id }, "joined the dispatchers");
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
      const token = await accessTokenOf(store, account, lease.id);
      if (typeof token === "object") return token;
      return openNextHop(settingsFor(account, settings.ehloName, token));
    },
    async forgetToken({ uid: accountUid, settings: { auth } }) {
      if (auth?.kind === "oauth2") await store.accessTokens.forget({ accountUid });
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
  const work = (queue: TurnQueueName, slots: number) =>
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

  const loops = Promise.all([
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
  const untilDrained = async () => {
    await loops;
    // Slow messages keep their lanes after their slots are gone; they have until `stopping`.
    await Promise.race([Promise.allSettled([...underWay]), aborted(stopping)]);
  };
  return { ended: untilDrained() };
}

const reportTo = (telemetry: Telemetry, loop: string) => (error: unknown) =>
  telemetry.log.error({ event: "loop_failed", loop, err: error }, "a loop had trouble; it goes on");

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
