/** Claiming costs what is claimed, and not what waits: with a million waiting, after churn, and with an old snapshot open. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { openRig, type Rig } from "./testing/rig.ts";

/** Buffers touched for each delivery claimed: its row and two indexes that lose it, a row and two indexes that gain it. */
const buffersPerRow = 8;
/** How much longer a claim may take than from a short queue, on a machine that others use too. */
const slowerAtMost = 5;
const few = 5_000;
const many = 1_000_000;
/** Where filling takes longer than this, so many must do. */
const fillWithinMs = 40_000;
const manyEnough = 300_000;
const want = 100;
/** Claims of one measurement; the median counts. */
const repeats = 9;
/** Deliveries that come, are claimed and end, and leave their dead rows behind. */
const churned = 60_000;

let rig: Rig;
let accountUid: number;
let statement: string;
let settings: readonly string[];

beforeAll(async () => {
  rig = await openRig();
  accountUid = await rig.account("acme");
  // The worst that can be: nothing is vacuumed unless the test says so.
  await rig.store.db.query("alter table mailfleet.ready set (autovacuum_enabled = off)");
  await rig.store.db.query("alter table mailfleet.inflight set (autovacuum_enabled = off)");
  ({ statement, settings } = await innerStatement());
});

afterAll(() => rig[Symbol.asyncDispose]());

test("claiming does not slow down at a million waiting, after churn, and with a snapshot held open", {
  timeout: 300_000,
}, async () => {
  const { db } = rig.store;
  await fill(few);
  const short = await measure(0);

  const began = performance.now();
  for (let filled = few; filled < many; filled += 100_000) {
    if (filled >= manyEnough && performance.now() - began > fillWithinMs) break;
    await fill(100_000);
  }
  expectNoSlower("many waiting", await measure(0), short);

  const head = await churn(0);
  const afterChurn = await measure(head);
  expectNoSlower("churn", afterChurn, short);
  await db.query("vacuum mailfleet.ready, mailfleet.inflight");

  await db.transaction(async (old) => {
    await old.query("set transaction isolation level repeatable read");
    await old.query("set local idle_in_transaction_session_timeout = 0"); // No session of the fleet's may hold one so long.
    await old.query("select count(*) from mailfleet.tenants"); // From here on, no dead row can be removed.
    const headNow = await churn(head);
    await db.query("vacuum mailfleet.ready, mailfleet.inflight");
    const held = await measure(headNow);
    expectNoSlower("a snapshot held open", held, short);
    // It is the head that spares the dead: a look from the start walks over all of them.
    expect((await measure(head)).buffers).toBeGreaterThan(held.buffers * 2);
  });
});

/** What one claim of `want` costs. */
interface Cost {
  readonly claimed: number;
  /** Shared buffers touched, hit or read. */
  readonly buffers: number;
  readonly ms: number;
}

function expectNoSlower(when: string, cost: Cost, base: Cost) {
  expect(cost.claimed, `claimed with ${when}`).toBe(want);
  expect(cost.buffers / cost.claimed, `buffers for each, with ${when}`).toBeLessThan(buffersPerRow);
  expect(cost.ms / base.ms, `time with ${when}, against ${base.ms} ms with few waiting`).toBeLessThan(slowerAtMost);
}

/** The statement inside `mailfleet.claim` that takes the rows, and the settings it runs under: EXPLAIN sees no further than a call. */
async function innerStatement() {
  const [source] = await rig.store.db.query<{ prosrc: string; proconfig: string[] }>(
    "select prosrc, proconfig from pg_proc where oid = 'mailfleet.claim'::regproc",
  );
  const text = source?.prosrc.match(/return query\s+(with gone as[^;]+);/)?.[1];
  if (!source || text === undefined) throw new Error("mailfleet.claim does not look as this test knows it");
  return { statement: text, settings: source.proconfig };
}

/** Explains claims from `head` on, each undone again, so that all of them see the same queue. */
async function measure(head: number): Promise<Cost> {
  const { db } = rig.store;
  const [key] = await db.query<{ id: number }>(
    "select id from mailfleet.queue_keys where account_uid = $1 and domain is null",
    [accountUid],
  );
  const values = { key: key?.id ?? 0, b: 2, head, quota: want, p_worker: rig.workerId };
  const text = Object.entries(values)
    .reduce((sql, [name, value]) => sql.replaceAll(new RegExp(`\\b${name}\\b`, "g"), String(value)), statement)
    .replaceAll(/\baccount\.\w+/g, "false");

  const undo = new Error("undone");
  const costs: Cost[] = [];
  for (let n = 0; n < repeats; n++) {
    const explained = db.transaction(async (tx) => {
      for (const setting of settings) await tx.query(`set local ${setting}`);
      const [row] = await tx.query<{ "QUERY PLAN": Explained }>(`explain (analyze, buffers, format json) ${text}`);
      const [plan] = row?.["QUERY PLAN"] ?? [];
      if (!plan) throw new Error("nothing was explained");
      const buffers = plan.Plan["Shared Hit Blocks"] + plan.Plan["Shared Read Blocks"];
      costs.push({ claimed: plan.Plan["Actual Rows"], buffers, ms: plan["Execution Time"] });
      throw undo;
    });
    await expect(explained).rejects.toBe(undo);
  }
  return costs.toSorted((a, b) => a.ms - b.ms)[Math.floor(repeats / 2)] as Cost;
}

type Explained = readonly {
  readonly Plan: Readonly<Record<"Shared Hit Blocks" | "Shared Read Blocks" | "Actual Rows", number>>;
  readonly "Execution Time": number;
}[];

/** Deliveries that wait; of their messages nothing is needed to claim them. */
async function fill(deliveries: number): Promise<void> {
  await rig.store.db.query(
    `insert into mailfleet.ready (delivery_uid, message_uid, tenant_id, account_uid, key_id, priority, band)
     select uuidv7(), uuidv7(), 'acme', $1, k.id, 2, 2
     from mailfleet.queue_keys k, generate_series(1, $2::integer) where k.account_uid = $1 and k.domain is null`,
    [accountUid, deliveries],
  );
}

/** As a sender lives: each claim begins where the last one ended, what it took ends, and as much comes in. */
async function churn(from: number): Promise<number> {
  const { db } = rig.store;
  let head = from;
  for (let ended = 0; ended < churned; ended += 500) {
    const claimed = await db.query<{ seq: number }>(
      "select seq from mailfleet.claim($1, $2, 500, $3::bigint[], false, false) where verdict = 'claimed'",
      [rig.workerId, accountUid, [0, 0, head, 0, 0]],
    );
    expect(claimed).toHaveLength(500);
    head = Math.max(...claimed.map(({ seq }) => seq));
    await db.query("delete from mailfleet.inflight where worker = $1", [rig.workerId]);
    await fill(500);
  }
  return head;
}
