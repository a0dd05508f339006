/** The whole app, on real PostgreSQL and real Redis, as its main runs it. */
import { noOperatorConfig } from "@mailfleet/answer";
import { openQueues } from "@mailfleet/queue";
import { createScope, type OpenScope } from "@mailfleet/service";
import { joinAsWorker, openStore } from "@mailfleet/store";
import { cutProxy, type PrivateRedis, privateRedis } from "@mailfleet/testkit";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type AnsweringSettings, startAnswering } from "./start-answering.ts";
import { type AnswerRig, letter, openAnswerRig } from "./testing/answer-rig.ts";
import { startTenantService, type TenantService } from "./testing/tenant-service.ts";
import { until } from "./testing/until.ts";

let rig: AnswerRig;
let redis: PrivateRedis;
let service: TenantService;
beforeAll(async () => {
  rig = await openAnswerRig();
  redis = await privateRedis();
  service = await startTenantService();
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  await redis[Symbol.asyncDispose]();
  await rig[Symbol.asyncDispose]();
});

interface Running {
  readonly scope: OpenScope;
  readonly ended: Promise<void>;
}
const running: Running[] = [];
afterEach(async () => {
  for (const { scope, ended } of running.splice(0)) {
    scope.drain();
    await ended;
    await scope.close();
  }
});

const hour = 3_600_000;
const secrets = { webhookSecret: `whsec_${Buffer.alloc(32, 7).toString("base64")}` };

/** Starts an answer worker. Its sweep looks once, in an hour, where nothing else is said. */
async function start(
  changes: Partial<AnsweringSettings> = {},
  graceMs = 10_000,
  databaseUrl = rig.databaseUrl,
): Promise<Running> {
  const scope = createScope({ graceMs, closeMs: 5_000 });
  const { telemetry } = rig.deps;
  const store = scope.own(openStore({ databaseUrl, poolSize: 4, secretKeys: [rig.secretKey] }), "store");
  const queues = scope.own(await openQueues(redis.url, telemetry), "queues");
  const settings: AnsweringSettings = {
    slots: 4,
    perTenant: 2,
    slowMs: hour,
    sweepMs: hour,
    lookAfterMs: hour,
    operator: { ...noOperatorConfig, allowPrivateNetworks: true },
    leaseMs: 10_000,
    graceMs,
    ...changes,
  };
  const one = {
    scope,
    ended: startAnswering({ store, queues, telemetry, settings }, scope).then(({ ended }) => ended),
  };
  running.push(one);
  return one;
}

/** Tells of a message, as its watcher does after its commit. */
async function wake(...uids: readonly string[]): Promise<void> {
  await using queues = await openQueues(redis.url, rig.deps.telemetry);
  for (const uid of uids) queues.wakeAnswer(uid);
  await queues.flushed();
}

const stateOf = async (tenantId: string, uid: string) => (await rig.story(tenantId, uid)).state;
const answered = (tenantId: string, uid: string) => until(async () => (await stateOf(tenantId, uid)) === "answered");

/** A webhook that answers when the test lets it. */
function held() {
  const letGo = Promise.withResolvers<void>();
  service.says(letGo.promise.then(() => ({ action: "answer", text: "At last." })));
  return letGo.resolve;
}
const isAsked = (uid: string) => service.told.some(({ id }) => id === uid);
const asked = (...uids: readonly string[]) => until(async () => uids.every(isAsked));
const hook = () => ({ kind: "webhook", url: service.url, timeoutMs: 60_000 }) as const;

test("an errand is taken at once, with no sweep, and the account of the answer is woken", async () => {
  await start();
  const mailbox = await rig.mailbox("errand");
  const uid = await mailbox.arrive(letter());
  await wake(uid);
  await answered("errand", uid);
  await using queues = await openQueues(redis.url, rig.deps.telemetry);
  await until(async () => (await queues.counts())["mailfleet-turns"]?.waiting === 1);
});

test("with Redis away everything is answered all the same, by the sweep", async () => {
  await redis.stop();
  try {
    await start({ sweepMs: 100, perTenant: 10 });
    const mailbox = await rig.mailbox("away");
    const uids = await Promise.all(Array.from({ length: 12 }, () => mailbox.arrive(letter())));
    await Promise.all(uids.map((uid) => answered("away", uid)));
  } finally {
    await redis.start();
  }
});

test("what a dead worker had in hand is answered by another, as soon as its lease has lapsed", async () => {
  const mailbox = await rig.mailbox("lapses");
  const uid = await mailbox.arrive(letter());
  const dead = await joinAsWorker(rig.store.db, { app: "answer-worker" });
  expect(await rig.store.answering.claim(dead.id, 1, 1)).toHaveLength(1);
  await dead[Symbol.asyncDispose]();
  await start({ sweepMs: 100 });
  await answered("lapses", uid);
});

test("a tenant whose answerer is slow holds no more than its share, and the others are answered", async () => {
  const letGo = held();
  await start();
  const slow = await rig.mailbox("slow", { answer: { answerer: hook() }, secrets });
  const others = await rig.mailbox("others");
  const waiting = await Promise.all(Array.from({ length: 6 }, () => slow.arrive(letter())));
  await wake(...waiting);
  await until(async () => waiting.filter((uid) => isAsked(uid)).length === 2);
  const quick = await others.arrive(letter());
  await wake(quick);
  await answered("others", quick);
  const states = await Promise.all(waiting.map((uid) => stateOf("slow", uid)));
  expect(states.filter((state) => state === "answering")).toHaveLength(2);
  letGo();
  await Promise.all(waiting.map((uid) => answered("slow", uid)));
});

test("what is in hand when draining begins is finished, and nothing new is taken", async () => {
  const letGo = held();
  const { scope, ended } = await start({ sweepMs: 100 });
  const mailbox = await rig.mailbox("drains", { answer: { answerer: hook() }, secrets });
  const uid = await mailbox.arrive(letter());
  await asked(uid);
  scope.drain();
  const later = await mailbox.arrive(letter());
  await wake(later);
  letGo();
  await ended;
  expect(await stateOf("drains", uid)).toBe("answered");
  expect(await stateOf("drains", later)).toBe("pending");
});

test("what is not done when time is up goes back free of charge, and another worker answers it", async () => {
  held();
  const { scope, ended } = await start({ sweepMs: 100 }, 200);
  const mailbox = await rig.mailbox("stops", { answer: { answerer: hook() }, secrets });
  const uid = await mailbox.arrive(letter());
  await asked(uid);
  scope.drain();
  await ended;
  const [ticket] = await rig.store.db.query<{ state: string; tries: number; crashes: number }>(
    "select state, tries, crashes from mailfleet.answering where inbound_uid = $1",
    [uid],
  );
  expect(ticket).toEqual({ state: "ready", tries: 0, crashes: 0 });
  service.says({ action: "answer", text: "At last." });
  await start({ sweepMs: 100 });
  await answered("stops", uid);
});

test.for(["mailbox", "tenant", "fleet"])(
  "the kill switch of a %s cuts off a call that is under way, and the message waits until it is off again",
  async (whose) => {
    held();
    const tenantId = `stopped-${whose}`;
    const mailbox = await rig.mailbox(tenantId, { answer: { answerer: hook() }, secrets });
    await start({ sweepMs: 100 });
    const uid = await mailbox.arrive(letter());
    await asked(uid);
    const stopped = whose === "fleet" ? undefined : tenantId;
    const { inbound, mailboxes } = rig.store;
    const flip = (isStopped: boolean) => {
      if (whose === "mailbox") return mailboxes.setAnswering(tenantId, "help", isStopped);
      return isStopped ? inbound.stopAnswering(stopped, "admin") : inbound.startAnswering(stopped);
    };
    await flip(true);
    await until(async () => (await stateOf(tenantId, uid)) === "pending");
    service.says({ action: "answer", text: "At last." });
    await flip(false);
    await answered(tenantId, uid);
  },
);

test("what could not be written while the database was away is given back when it is there again", async () => {
  const { port } = new URL(rig.databaseUrl);
  await using proxy = await cutProxy(Number(port || 5_432));
  const viaProxy = new URL(rig.databaseUrl);
  viaProxy.port = String(proxy.port);
  const letGo = held();
  const { scope, ended } = await start({ sweepMs: 100, leaseMs: 60_000 }, 10_000, viaProxy.href);
  const mailbox = await rig.mailbox("dark", { answer: { answerer: hook() }, secrets });
  const uid = await mailbox.arrive(letter());
  await asked(uid);
  await proxy.refuse();
  proxy.cut();
  letGo();
  await until(async () => rig.log.some(({ event, loop }) => event === "loop_failed" && loop === "answer"));
  expect(await stateOf("dark", uid)).toBe("answering");
  await proxy.accept();
  await answered("dark", uid);
  scope.drain();
  await ended;
  await scope.close();
});

test("what is claimed for a worker that never heard of it is found, and what it works on stays with it", async () => {
  const letGo = held();
  await start({ sweepMs: 100 });
  const mailbox = await rig.mailbox("unheard", { answer: { answerer: hook() }, secrets });
  const [known, unheard] = [await mailbox.arrive(letter()), await mailbox.arrive(letter())];
  await asked(known, unheard);
  // As if the claim's reply had been lost, a while ago: it is the worker's in SQL, under a fence that nobody knows.
  const lost = await rig.store.db.query<{ fence: number }>(
    `update mailfleet.answering set since = now() - interval '1 hour' where inbound_uid = any($1) returning fence`,
    [[known, unheard]],
  );
  expect(lost).toEqual([{ fence: 1 }, { fence: 1 }]);
  const other = await mailbox.arrive(letter(), { dueAt: new Date(Date.now() + hour) });
  await rig.store.db.query(
    `update mailfleet.answering a set state = 'claimed', worker = b.worker, fence = 1, since = now() - interval '1 hour'
     from mailfleet.answering b where a.inbound_uid = $1 and b.inbound_uid = $2`,
    [other, known],
  );
  await until(async () => (await stateOf("unheard", other)) === "pending");
  expect(await stateOf("unheard", known)).toBe("answering");
  letGo();
  await Promise.all([known, unheard, other].map((uid) => answered("unheard", uid)));
});

test("a trial that somebody asks for is answered beside the mail", async () => {
  await start();
  const mailbox = await rig.mailbox("trial");
  const { questions } = rig.store;
  const id = await questions.ask("try", { tenantId: "trial", mailboxUid: mailbox.uid, bytes: Buffer.from(letter()) });
  expect(await questions.answerTo(id, AbortSignal.timeout(10_000), 20)).toMatchObject({ decision: "answer" });
});
