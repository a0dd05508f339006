import { afterAll, beforeAll, expect, test } from "vitest";
import { shardCount } from "./shards.ts";
import { mailboxSettings } from "./testing/inbound-rig.ts";
import { openRig, type Rig } from "./testing/rig.ts";

let rig: Rig;
beforeAll(async () => {
  rig = await openRig();
});
afterAll(() => rig[Symbol.asyncDispose]());

const all = Array.from({ length: shardCount }, (_, shard) => shard);
const news = async (page: { afterUid?: number; limit?: number } = {}, shards = all) =>
  rig.store.shards.news(shards, 10_000, { afterUid: 0, limit: 1_000, ...page });
const query = (text: string, values: readonly unknown[] = []) => rig.store.db.query(text, values);

/** Mailboxes of a tenant in which nothing has happened for a day; their uids, ascending. */
async function mailboxes(tenantId: string, n: number, state: string): Promise<readonly number[]> {
  await query("insert into mailfleet.tenants (id, updated_at) values ($1, now() - interval '1 day')", [tenantId]);
  const rows = await rig.store.db.query<{ uid: number }>(
    `with made as (
       insert into mailfleet.mailboxes (tenant_id, id, settings, updated_at)
       select $1, 'm' || n, $3, now() - interval '1 day' from generate_series(1, $2::int) n returning uid)
     insert into mailfleet.mailbox_positions (mailbox_uid, tenant_id, shard, start_at, state)
     select uid, $1, uid % 256, now(), $4 from made returning mailbox_uid as uid`,
    [tenantId, n, JSON.stringify(mailboxSettings), state],
  );
  return rows.map(({ uid }) => uid).toSorted((a, b) => a - b);
}
const act = (tenantId: string, delay = "0 s") =>
  query(
    `insert into mailfleet.mailbox_actions (tenant_id, mailbox_uid, kind, due_at)
     select tenant_id, uid, 'flags', now() + $2::interval from mailfleet.mailboxes where tenant_id = $1`,
    [tenantId, delay],
  );

test("mailboxes that are not followed, with as many actions as there may be, hide no other's", async () => {
  await mailboxes("down", 50, "unreachable");
  const [uid] = await mailboxes("up", 1, "following");
  await mailboxes("later", 1, "following");
  await act("down");
  await act("up");
  await act("later", "1 hour");
  expect(await news({ limit: 10 })).toMatchObject([{ mailboxUid: uid, tenantId: "up", hasActions: true }]);
  expect(await news({}, [((uid ?? 0) + 1) % shardCount])).toEqual([]);
  await query("update mailfleet.mailbox_positions set state = 'following' where tenant_id = 'down'");
  expect(await news()).toHaveLength(51);
  await query("update mailfleet.mailbox_actions set done_at = now()");
  expect(await news()).toEqual([]);
});

test("whatever changes a mailbox is news, and all that is news is told page by page", async () => {
  const changed = await mailboxes("changed", 3, "quarantined");
  const asked = await mailboxes("asked", 2, "following");
  const suspended = await mailboxes("suspended", 2, "following");
  await mailboxes("calm", 3, "following");
  await query("update mailfleet.mailboxes set updated_at = now() where tenant_id = 'changed'");
  await query("update mailfleet.mailbox_positions set asked = asked + 1 where tenant_id = 'asked'");
  await rig.store.tenants.suspend("suspended");
  const told: number[] = [];
  for (let page = await news({ limit: 3 }); page.length > 0; ) {
    told.push(...page.map(({ mailboxUid }) => mailboxUid));
    page = await news({ limit: 3, afterUid: told.at(-1) ?? 0 });
  }
  expect(told).toEqual([...changed, ...asked, ...suspended].toSorted((a, b) => a - b));
});

test("to find that there is no news costs the same, however many mailboxes there are", async () => {
  await query("update mailfleet.mailboxes set updated_at = now() - interval '1 day'");
  await query("update mailfleet.tenants set updated_at = now() - interval '1 day'");
  await query("update mailfleet.mailbox_positions set asked = taken");
  await mailboxes("many", 3_000, "following");
  await query(
    "vacuum analyze mailfleet.mailboxes, mailfleet.mailbox_positions, mailfleet.mailbox_actions, mailfleet.tenants",
  );
  const text = "select * from mailfleet.mailbox_news($1, now() - interval '10 s', 0, 1000)";
  const explained = () =>
    rig.store.db.query<{ "QUERY PLAN": readonly { Plan: Record<string, number> }[] }>(
      `explain (analyze, buffers, format json) ${text}`,
      [all],
    );
  await explained(); // What is looked up for the plan is looked up once.
  const [row] = await explained();
  const { "Shared Hit Blocks": hits, "Shared Read Blocks": reads } = row?.["QUERY PLAN"][0]?.Plan ?? {};
  expect((hits ?? 1_000) + (reads ?? 1_000)).toBeLessThan(30);
});
