import { randomBytes } from "node:crypto";
import type { SendResult } from "@mailfleet/mail";
import {
  accept,
  joinAsWorker,
  openRounds,
  openStore,
  prepare,
  type SendingAccount,
  type Store,
  type WorkerLease,
} from "@mailfleet/store";
import { openTelemetry } from "@mailfleet/telemetry";
import { privateDatabase } from "@mailfleet/testkit";
import type { NextHop } from "@mailfleet/transport";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { openAccountQueues } from "./account-queue.ts";
import { openOutbox } from "./outbox.ts";
import { openParkedLanes } from "./parked-lanes.ts";
import { type TurnDeps, takeTurn } from "./turn.ts";
import { turnEvents } from "./turn-events.ts";

const accepted: SendResult = { kind: "success", reply: { code: 250, status: "2.0.0", text: "ok" } };
const settings = { host: "old.test", port: 25, security: "none", maxConnections: 4 } as const;
const telemetry = openTelemetry("test", { logLevel: "silent" });

let database: Awaited<ReturnType<typeof privateDatabase>>;
let store: Store;
let rig: Awaited<ReturnType<typeof openTurnRig>>;
let tenants = 0;

beforeAll(async () => {
  database = await privateDatabase();
  store = openStore({ databaseUrl: database.url, poolSize: 6, secretKeys: [randomBytes(32).toString("base64")] });
});
afterAll(async () => {
  await store[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});
beforeEach(async () => {
  rig = await openTurnRig();
});
afterEach(() => rig.close());

/** Real outbox, rounds and lease; a next hop that says yes until it is told otherwise, and a clock that is moved by hand. */
async function openTurnRig() {
  const tenantId = `t${++tenants}`;
  await store.tenants.put(tenantId, {});
  const put = (changes = {}) => store.accounts.put(tenantId, "main", { ...settings, ...changes });
  const made = await put();
  if (made.kind !== "put") throw new Error(made.kind);
  const { uid } = made.account;
  const lease: WorkerLease = await joinAsWorker(store.db, { app: "test" });
  const rounds = openRounds(store.db, lease);
  const world = {
    nowMs: 0,
    holds: (id: number) => lease.holds(id),
    send: async (_host: string, mayFinish: () => boolean): Promise<SendResult> => {
      mayFinish();
      return accepted;
    },
  };
  const sentBy: string[] = [];
  const real = openOutbox(store, lease, rounds, { stopping: AbortSignal.abort(), onError: () => {} });
  const outbox = { ...real, holds: (id: number) => world.holds(id) };
  const parked = openParkedLanes({
    idleMs: 60_000,
    isCurrent: () => true,
    close: async ({ lane }) => real.releaseLane(lane),
  });
  const deps: TurnDeps = {
    outbox,
    queues: openAccountQueues(outbox, () => world.nowMs),
    parked,
    events: turnEvents(telemetry),
    forgetToken: async () => {},
    openNextHop: async (account: SendingAccount): Promise<NextHop> => ({
      usable: true,
      connect: async () => undefined,
      async send(_envelope, _content, mayFinish) {
        sentBy.push(account.settings.host);
        return [await world.send(account.settings.host, mayFinish)];
      },
      [Symbol.asyncDispose]: async () => {},
    }),
    ehloName: "mailfleet.test",
    sign: (text) => Buffer.from(text),
    random: () => 0.5,
    now: () => world.nowMs,
  };
  return {
    uid,
    world,
    deps,
    outbox,
    sentBy,
    put,
    async submit(n: number) {
      const content = Buffer.from("Subject: hello\r\n\r\nhello\r\n");
      const one = () =>
        prepare({
          tenantId,
          origin: "tenant",
          digest: new Uint8Array(32),
          envelope: {
            reversePath: "us@a.test",
            recipients: [{ address: "ann@b.test" }],
            smtpUtf8: false,
            eightBit: false,
          },
          messageId: "<1@a.test>",
          content,
          priority: "medium",
          inDoubt: "retry",
          via: "http",
        });
      await accept(store.db, Array.from({ length: n }, one));
    },
    turn: (onMore = () => {}) =>
      takeTurn(deps, uid, { express: false, mayGoOn: () => true, onMore, onSending: () => {} }),
    states: async () => {
      const rows = await store.db.query<{ state: string; last_status: string | null; in_hand: boolean }>(
        `select d.state, d.last_status, exists (select from mailfleet.inflight i where i.delivery_uid = d.uid) as in_hand
         from mailfleet.deliveries d where d.tenant_id = $1 order by d.uid`,
        [tenantId],
      );
      return rows.map(({ state, last_status, in_hand }) => `${state} ${last_status}${in_hand ? " in hand" : ""}`);
    },
    async close() {
      await parked[Symbol.asyncDispose]();
      await rounds[Symbol.asyncDispose]();
      await lease[Symbol.asyncDispose]();
    },
  };
}

test("a fault of ours while a message is offered leaves it in nobody's hand: charged, and in doubt where it may be there", async () => {
  await rig.submit(2);
  let n = 0;
  rig.world.send = async (_host, mayFinish) => {
    if (n++ === 1) mayFinish();
    throw new Error("a fault of ours");
  };
  await rig.turn();
  expect(await rig.states()).toEqual(["open 4.3.0", "open 4.3.0"]);
  const outcomes = await store.db.query(
    "select outcome from mailfleet.attempts a join mailfleet.accounts c on c.tenant_id = a.tenant_id where c.uid = $1 order by delivery_uid",
    [rig.uid],
  );
  expect(outcomes).toEqual([{ outcome: "transient_error" }, { outcome: "in_doubt" }]);
});

test("a suspect whose turn met trouble of our own is claimed again by the same process", async () => {
  await rig.submit(1);
  await store.db.query("update mailfleet.ready set band = 4, crashes = 2 where account_uid = $1", [rig.uid]);
  const { content } = rig.outbox;
  rig.outbox.content = async () => {
    throw new Error("the blob store is away");
  };
  await expect(rig.turn()).rejects.toThrow("the blob store is away");
  rig.outbox.content = content;
  await expect.poll(async () => [await rig.turn(), await rig.states()]).toEqual(["empty", ["sent 2.0.0"]]);
});

test("content in a blob store that this process was not told of is not gone: its mail waits", async () => {
  await rig.submit(1);
  await store.db.query("update mailfleet.messages set blob_key = 'elsewhere' where account_uid = $1", [rig.uid]);
  await store.db.query(
    "delete from mailfleet.contents where message_uid in (select uid from mailfleet.messages where account_uid = $1)",
    [rig.uid],
  );
  await store.db.query("update mailfleet.messages set size_bytes = 1000000 where account_uid = $1", [rig.uid]);
  await expect(rig.turn()).rejects.toThrow("none is configured");
  await expect.poll(() => rig.states()).toEqual(["open null"]);
});

test("a change of an account closes its connections, parked or at work", async () => {
  await rig.submit(3);
  let n = 0;
  rig.world.send = async (_host, mayFinish) => {
    if (n++ === 0) {
      await rig.put({ host: "new.test" });
      rig.world.nowMs += 1_000;
    }
    mayFinish();
    return accepted;
  };
  expect(await rig.turn()).toBe("more");
  expect(await rig.turn()).toBe("empty");
  await rig.submit(1);
  await rig.put({ host: "newer.test" });
  expect(await rig.turn()).toBe("empty");
  expect(rig.sentBy).toEqual(["old.test", "new.test", "new.test", "newer.test"]);
});

test("a turn whose lane has lapsed takes no more mail over it, since others may have leased it", async () => {
  await rig.submit(3);
  rig.world.send = async (_host, mayFinish) => {
    mayFinish();
    rig.world.holds = () => false;
    rig.world.nowMs += 1_000;
    return accepted;
  };
  expect(await rig.turn()).toBe("trouble");
  expect(rig.sentBy).toHaveLength(1);
});

test("a turn that began with little asks for company when more than one lane carries has come", async () => {
  await rig.submit(1);
  let asked = 0;
  let n = 0;
  rig.world.send = async (_host, mayFinish) => {
    if (n++ === 0) await rig.submit(40);
    rig.world.nowMs += 600;
    mayFinish();
    return accepted;
  };
  expect(await rig.turn(() => asked++)).toBe("empty");
  expect(asked).toBeGreaterThan(0);
});
