import { joinAsWorker, openRounds, returnSuspended, type Store } from "@mailfleet/store";
import { openTelemetry } from "@mailfleet/telemetry";
import { openAccountQueues } from "../../apps/outbox-dispatch/src/account-queue.ts";
import { openOutbox } from "../../apps/outbox-dispatch/src/outbox.ts";
import { openParkedLanes } from "../../apps/outbox-dispatch/src/parked-lanes.ts";
import { sweep } from "../../apps/outbox-dispatch/src/sweep.ts";
import { type TurnDeps, takeTurn } from "../../apps/outbox-dispatch/src/turn.ts";
import { turnEvents } from "../../apps/outbox-dispatch/src/turn-events.ts";
import type { Errand, Errands, Taker } from "./errands.ts";
import { openSimulatedNextHop } from "./next-hop.ts";
import { steppedDatabase } from "./stepped-database.ts";
import type { Actor } from "./timeline.ts";
import { watchOutbox } from "./watch-outbox.ts";
import type { World } from "./world.ts";

/** A process that takes turns: the real code of `outbox-dispatch`, on simulated time. */
export interface Dispatcher extends Taker {
  readonly actor: Actor;
  /** Whether it has something in hand. */
  readonly isBusy: boolean;
  /** As SIGTERM: ends its turns, hands back what it has, and goes. */
  drain(): void;
  /** As SIGKILL. */
  die(): void;
}

const limits = {
  sweepMs: 4_000,
  returnSuspendedMs: 9_000,
  turnMessages: 4,
  lingerMs: 20,
  /** A drain that takes longer is a kill. */
  graceMs: 30_000,
} as const;

const telemetry = openTelemetry("simulation", { logLevel: "silent", processMetrics: false });

export interface DispatcherDeps {
  readonly world: World;
  readonly name: string;
  readonly errands: Errands;
  /** It has gone, one way or another. */
  readonly onGone: () => void;
}

export function startDispatcher({ world, name, errands, onGone }: DispatcherDeps): Dispatcher {
  const { timeline, random, plan, accounts } = world;
  const actor: Actor = { name, alive: true, frozenUntilMs: 0 };
  const stopping = new AbortController();
  let draining = false;
  let turns = 0;
  let underWay: ((errand: Errand) => void) | undefined;
  let isIdle = () => true;
  let end: (() => Promise<void>) | undefined;
  let release = () => {};

  // Each process's monotonic clock began elsewhere, and none runs at the very same rate.
  const rate = 1 + (random.next() - 0.5) / 50;
  const clockStart = random.between(0, 1_000_000);
  const now = () => clockStart + timeline.nowMs * rate;
  const setTimer = (ms: number, fire: () => void) =>
    timeline.add({ actor, label: "", delayMs: Math.max(1, Math.round(ms / rate)), run: fire });

  function gone(how: string) {
    if (!actor.alive) return;
    timeline.note(`${name} ${how}`);
    actor.alive = false;
    stopping.abort();
    timeline.abandon(actor);
    release();
    onGone();
  }
  const die = () => gone("dies");

  const db = steppedDatabase(world, actor, die);
  const store: Store = {
    ...world.database.store,
    db,
    accounts: { ...world.database.store.accounts, openForSending: async (uid) => accounts.get(uid) },
  };
  const wake = (accountUid: number) => errands.wake({ accountUid, lane: 0, express: false });

  async function start() {
    const onError = (error: unknown) => timeline.note(`${name} ${error}`);
    const lease = await joinAsWorker(db, {
      app: "simulation",
      now,
      setTimer,
      onError,
      onLost: (id) => timeline.note(`${name} lost lease ${id}`),
    });
    release = () => void lease[Symbol.asyncDispose](); // Ends its timer; the statement of a dead process goes nowhere.
    const rounds = openRounds(db, lease, {
      setTimer,
      onError,
      onLate: (record, what) => timeline.note(`${name} late: ${world.nameUids(record.deliveryUid)} ${what}`),
    });
    const real = openOutbox(store, lease, rounds, { stopping: stopping.signal, onError, setTimer });
    const { outbox, finishing } = watchOutbox(world, actor, world.mutation.outbox?.(real) ?? real);
    const parked = openParkedLanes({
      idleMs: plan.parkMs,
      isCurrent: ({ lane }) => outbox.holds(lane.workerId),
      async close({ lane, nextHop }) {
        await nextHop[Symbol.asyncDispose]();
        await outbox.releaseLane(lane);
      },
      setTimer,
    });
    const deps: TurnDeps = {
      outbox,
      queues: openAccountQueues(outbox, now, () => timeline.wait(actor, "", limits.lingerMs)),
      parked,
      events: turnEvents(telemetry),
      openNextHop: async () => openSimulatedNextHop(world, actor, finishing),
      forgetToken: async () => {},
      ehloName: "mailfleet.test",
      sign: (text) => Buffer.from(text),
      random: random.next,
      now,
    };
    underWay = (errand) => void turn(deps, errand);
    isIdle = () => turns === 0 && rounds.unrecorded === 0;
    end = async () => {
      await parked[Symbol.asyncDispose]();
      await rounds[Symbol.asyncDispose]();
      await lease[Symbol.asyncDispose]();
    };
    repeat(limits.sweepMs, () =>
      sweep({
        store,
        outbox,
        telemetry,
        ehloName: "mailfleet.test",
        random: random.next,
        workerId: () => lease.id,
        wake,
      }),
    );
    repeat(limits.returnSuspendedMs, async () => {
      for (const accountUid of await returnSuspended(db)) wake(accountUid);
    });
    if (draining) void finish();
  }

  function repeat(everyMs: number, tick: () => Promise<void>) {
    setTimer(everyMs * (0.75 + random.next() / 2), () => {
      if (draining) return;
      tick()
        .catch((error) => timeline.note(`${name} tick: ${error}`))
        .finally(() => repeat(everyMs, tick));
    });
  }

  async function turn(deps: TurnDeps, { accountUid, lane, express }: Errand) {
    const account = accounts.get(accountUid);
    try {
      const how = await takeTurn(deps, accountUid, {
        express,
        mayGoOn: (messages) => !draining && messages % limits.turnMessages !== 0,
        onMore() {
          if (lane + 1 < (account?.maxConnections ?? 0)) errands.wake({ accountUid, lane: lane + 1, express });
        },
        onSending() {},
      });
      timeline.note(`${name} turn ${accountUid}/${lane} ends: ${how}`);
      if (how === "more" && !draining) errands.wake({ accountUid, lane, express });
    } catch (error) {
      timeline.note(`${name} turn ${accountUid}/${lane} fails: ${error}`);
    } finally {
      turns--;
      if (draining) void finish();
    }
  }

  async function finish() {
    if (turns > 0 || !end) return;
    const all = end;
    end = undefined;
    await all().then(
      () => gone("is gone"),
      (error) => gone(`is gone: ${error}`),
    );
  }

  void start().catch((error) => gone(`cannot start: ${error}`));

  return {
    actor,
    get isBusy() {
      return actor.alive && !isIdle();
    },
    take(errand) {
      if (!actor.alive || draining || !underWay || turns >= plan.slots || actor.frozenUntilMs > timeline.nowMs)
        return false;
      turns++;
      timeline.note(`${name} takes a turn ${errand.accountUid}/${errand.lane}`);
      underWay(errand);
      return true;
    },
    drain() {
      if (draining || !actor.alive) return;
      draining = true;
      timeline.note(`${name} drains`);
      setTimer(limits.graceMs, die);
      void finish();
    },
    die,
  };
}
