import { setTimeout as pause } from "node:timers/promises";
import { Queue } from "bullmq";
import { Redis } from "ioredis";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { boardQueues, openQueues, type Queues } from "./index.ts";
import type { Quarantined } from "./quarantine.ts";
import { type RedisProcess, redisProcess } from "./testing/redis-process.ts";

let redis: RedisProcess;
let queues: Queues;
let draining: AbortController;
let dropped: number;
let quarantined: Quarantined[];
let working: Promise<void>[];

const events = {
  log: { info() {}, warn() {}, error() {} },
  wakesDropped: ({ count }: { count: number }) => {
    dropped += count;
  },
  jobQuarantined: (facts: Quarantined) => void quarantined.push(facts),
};

const setUp = async (started = true) => {
  redis = await redisProcess({ started });
  queues = await openQueues(redis.url, events);
};

beforeEach(() => {
  draining = new AbortController();
  [dropped, quarantined, working] = [0, [], []];
});
afterEach(async () => {
  redis.resume();
  draining.abort();
  await Promise.all(working);
  await queues[Symbol.asyncDispose]();
  await redis[Symbol.asyncDispose]();
});

type Handle = (account: string, signal: AbortSignal) => Promise<void> | void;

/** Works on the turns, and gives out what was done so far and a way to wait for more. */
function startWork(handle: Handle = () => {}, { slots = 4, closeMs = 5_000 } = {}) {
  const done: string[] = [];
  const options = {
    slots,
    closeMs,
    draining: draining.signal,
    handle: async ({ accountUid, lane }: { accountUid: string; lane: number }, { signal }: { signal: AbortSignal }) => {
      const name = lane === 0 ? accountUid : `${accountUid}/${lane}`;
      await handle(name, signal);
      done.push(name);
    },
  };
  const ended = queues.work("mailfleet-turns", options);
  working.push(ended);
  return { done, ended };
}

/** Resolves when `condition` holds; whoever never makes it hold fails the test. */
async function until(condition: () => boolean | Promise<boolean>, deadlineMs = 15_000): Promise<void> {
  const signal = AbortSignal.timeout(deadlineMs);
  while (!(await condition())) await pause(5, undefined, { signal });
}

/** Wakes again until the turn is done, as a sweep does. */
const wakeUntilDone = (account: string, done: readonly string[]) =>
  until(async () => {
    queues.wake(account);
    await queues.flushed();
    return done.includes(account);
  });

describe("turns", () => {
  test("reach a worker, each account's once, and leave nothing in Redis", async () => {
    await setUp();
    for (let i = 0; i < 3; i++) for (const account of ["1", "2", "3"]) queues.wake(account);
    queues.wake("1", { lane: 1 });
    await queues.flushed();
    const { done } = startWork();
    await until(() => done.length === 4);
    expect(done.toSorted()).toEqual(["1", "1/1", "2", "3"]);
    await until(async () => (await queues.counts())["mailfleet-turns"]!.active === 0);
    const keys = (await redis.command("KEYS", "*")) as string[];
    expect(keys.filter((key) => !/:(meta|events|id|marker|stalled-check)$/.test(key))).toEqual([]);
    expect(keys.filter((key) => !/^\{mailfleet\}:mailfleet-(turns|answers)/.test(key))).toEqual([]);
  });

  test("are taken first come, first served, so that accounts take turns", async () => {
    await setUp();
    for (const account of ["1", "2", "3"]) queues.wake(account);
    await queues.flushed();
    const rounds = { 1: 0, 2: 0, 3: 0 } as Record<string, number>;
    const { done } = startWork(
      (account) => {
        if (++rounds[account]! < 3) queues.wake(account);
        return queues.flushed();
      },
      { slots: 1 },
    );
    await until(() => done.length === 9);
    expect(done).toEqual(["1", "2", "3", "1", "2", "3", "1", "2", "3"]);
  });

  test("are not lost when woken while one runs: the next follows it, and they never run at once", async () => {
    await setUp();
    const first = Promise.withResolvers<void>();
    let running = 0;
    let started = 0;
    const { done } = startWork(async () => {
      expect(++running).toBe(1);
      if (++started === 1) await first.promise;
      running--;
    });
    queues.wake("7");
    await until(() => started === 1);
    for (let i = 0; i < 3; i++) {
      queues.wake("7");
      await queues.flushed();
    }
    expect(started).toBe(1);
    first.resolve();
    await until(() => done.length === 2);
    await until(async () => (await queues.counts())["mailfleet-turns"]!.active === 0);
    expect(started).toBe(2);
  });

  test("of one account with different lanes run side by side", async () => {
    await setUp();
    const all = Promise.withResolvers<void>();
    let running = 0;
    const { done } = startWork(async () => {
      if (++running === 3) all.resolve();
      await all.promise;
    });
    for (const lane of [0, 1, 2]) queues.wake("7", { lane });
    await until(() => done.length === 3);
  });

  test("that fail are written and gone, and the worker goes on", async () => {
    await setUp();
    const { done } = startWork((account) => {
      if (account === "1") throw new Error("the database is away");
    });
    queues.wake("1");
    queues.wake("2");
    await until(() => done.includes("2"));
    await until(async () => (await queues.counts())["mailfleet-turns"]!.active === 0);
    expect(await queues.counts()).toMatchObject({ "mailfleet-turns": { waiting: 0, failed: 0 } });
    await wakeUntilDone("3", done);
  });

  test("tell whether others wait, and count nobody's own", async () => {
    await setUp();
    for (const lane of [0, 1, 2]) queues.wake("7", { lane });
    await queues.flushed();
    expect(await queues.othersWait("mailfleet-turns", "7")).toBe(false);
    queues.wake("8");
    await queues.flushed();
    await until(() => queues.othersWait("mailfleet-turns", "7"));
  });
});

describe("a payload that does not fit", () => {
  test.each([
    ["another shape", { account: "hush" }, "accountUid: invalid_type"],
    ["an address", { accountUid: "hush@example.org" }, "accountUid: invalid_format"],
    ["no object", "hush", "payload: invalid_type"],
  ])("(%s) is quarantined without its content, and its worker lives on", async (_, data, reason) => {
    await setUp();
    const client = new Redis(redis.url);
    const turns = new Queue("mailfleet-turns", { connection: client, prefix: "{mailfleet}" });
    await turns.add("turn", data, { jobId: "odd" });
    const { done } = startWork();
    await wakeUntilDone("7", done);
    await until(async () => (await queues.counts())["mailfleet-turns-quarantine"]!.waiting === 1);
    expect(quarantined).toEqual([{ queue: "mailfleet-turns", jobId: "odd", reason }]);
    expect(new Set(done)).toEqual(new Set(["7"])); // It may have been woken twice.

    await using board = boardQueues(redis.url, events.log);
    const quarantine = board.queues.find(({ name }) => name === "mailfleet-turns-quarantine")!;
    expect((await quarantine.getWaiting()).map((job) => job.data)).toEqual(quarantined);
    client.disconnect();
  });

  test("because it is no JSON keeps no other job from running", async () => {
    await setUp();
    queues.wake("1");
    await queues.flushed();
    const key = ((await redis.command("KEYS", "*:1~0~*")) as string[])[0]!;
    await redis.command("HSET", key, "data", "{hush");
    const { done } = startWork(undefined, { slots: 1 });
    await wakeUntilDone("2", done);
    await wakeUntilDone("3", done);
  });
});

describe("Redis is disposable:", () => {
  test("a FLUSHALL at rest and in the middle of a turn costs no more than errands", async () => {
    await setUp();
    const middle = Promise.withResolvers<void>();
    let inHand = false;
    const { done } = startWork(async (account) => {
      if (account !== "slow") return;
      inHand = true;
      await middle.promise;
    });
    await wakeUntilDone("1", done);
    await redis.command("FLUSHALL");
    await wakeUntilDone("2", done);

    queues.wake("slow");
    await until(() => inHand);
    await redis.command("FLUSHALL");
    middle.resolve();
    await until(() => done.includes("slow"));
    await wakeUntilDone("3", done);
    for (let i = 0; i < 10; i++) await wakeUntilDone(`after-${i}`, done);
  });

  test("scripts that Redis has forgotten are sent again", async () => {
    await setUp();
    const { done } = startWork();
    await wakeUntilDone("1", done);
    await redis.command("SCRIPT", "FLUSH");
    await wakeUntilDone("2", done);
    expect(dropped).toBe(0);
  });

  test("a restart, and an outage in which turns run on, need no restart of ours", async () => {
    await setUp();
    const middle = Promise.withResolvers<void>();
    let inHand = false;
    const { done } = startWork(async (account) => {
      if (account !== "slow") return;
      inHand = true;
      await middle.promise;
    });
    queues.wake("slow");
    await until(() => inHand);
    await redis.stop();
    middle.resolve();
    await until(() => done.includes("slow"));
    await redis.start();
    await wakeUntilDone("1", done);
  });

  test("a Redis that is away at the start is waited for, without holding up the start or a wake-up", async () => {
    await setUp(false);
    const { done } = startWork();
    const began = performance.now();
    for (let i = 0; i < 1_000; i++) queues.wake(`${i}`);
    expect(performance.now() - began).toBeLessThan(200);
    await queues.flushed();
    expect(dropped).toBe(1_000);
    await expect(queues.ping()).rejects.toThrow();
    await expect(queues.counts()).rejects.toThrow();
    expect(await queues.othersWait("mailfleet-turns", "1")).toBe(false);
    await redis.start();
    await wakeUntilDone("1", done);
    await queues.ping();
  });

  test("a Redis that hangs costs a wake-up nothing, and is told of", async () => {
    await setUp();
    const { done } = startWork();
    await wakeUntilDone("1", done);
    redis.pause();
    queues.wake("2");
    await queues.flushed();
    expect(dropped).toBeGreaterThan(0);
    await expect(queues.ping()).rejects.toThrow();
    redis.resume();
    await wakeUntilDone("3", done);
  });
});

describe("draining", () => {
  test("takes nothing new, lets turns in hand end, and then resolves", async () => {
    await setUp();
    const middle = Promise.withResolvers<void>();
    let started = 0;
    const { done, ended } = startWork(() => (started++ === 0 ? middle.promise : undefined));
    queues.wake("1");
    await until(() => started === 1);
    draining.abort();
    queues.wake("2");
    await queues.flushed();
    middle.resolve();
    await ended;
    expect(done).toEqual(["1"]);
    expect(await queues.counts()).toMatchObject({ "mailfleet-turns": { waiting: 1, active: 0 } });
  });

  test("leaves a turn that does not end after its limit, and tells it so", async () => {
    await setUp();
    let told = false;
    let started = false;
    const { ended } = startWork(
      (_, signal) => {
        started = true;
        return new Promise<void>((resolve) => {
          signal.addEventListener("abort", () => {
            told = true;
            resolve();
          });
        });
      },
      { closeMs: 50 },
    );
    queues.wake("1");
    await until(() => started);
    draining.abort();
    await ended;
    expect(told).toBe(true);
  });

  test("ends soon with Redis away", async () => {
    await setUp();
    const { done, ended } = startWork();
    await wakeUntilDone("1", done);
    await redis.stop();
    const began = performance.now();
    draining.abort();
    await ended;
    expect(performance.now() - began).toBeLessThan(3_000);
  });

  test("before Redis was ever there ends soon too", async () => {
    await setUp(false);
    const { ended } = startWork();
    draining.abort();
    await ended;
  });
});

test("the board sees every queue, and writes nothing by looking", async () => {
  await setUp();
  await queues.ping();
  await redis.command("FLUSHALL");
  await using board = boardQueues(redis.url, events.log);
  expect(board.queues.map(({ name }) => name)).toEqual([
    "mailfleet-turns",
    "mailfleet-turns-quarantine",
    "mailfleet-turns-express",
    "mailfleet-turns-express-quarantine",
    "mailfleet-answers",
    "mailfleet-answers-quarantine",
  ]);
  await until(async () => (await board.queues[0]!.getJobCounts("waiting").catch(() => undefined)) !== undefined);
  expect(await redis.command("DBSIZE")).toBe(0);
});

describe("answers", () => {
  const [one, other] = ["01890a5d-ac96-774b-bcce-b302099a8057", "01890a5d-ac96-774b-bcce-b302099a8058"];

  test("reach a worker, each message's once, and are not lost when told of while one is worked on", async () => {
    await setUp();
    const first = Promise.withResolvers<void>();
    const done: string[] = [];
    const handle = async ({ inbound }: { inbound: string }) => {
      done.push(inbound);
      if (done.length === 1) await first.promise;
    };
    for (const uid of [one, one, other, one]) queues.wakeAnswer(uid);
    await queues.flushed();
    working.push(queues.work("mailfleet-answers", { slots: 2, draining: draining.signal, closeMs: 5_000, handle }));
    await until(() => done.length === 2);
    expect(done).toEqual([one, other]);
    queues.wakeAnswer(one);
    await queues.flushed();
    first.resolve();
    await until(() => done.length === 3);
    expect(done[2]).toBe(one);
  });
});
