import type { Sql } from "./database.ts";

/** Messages that go in one statement, with all that hangs on them. */
const messagesPerPortion = 500;
/** Rows of small tables that go in one statement. */
const rowsPerPortion = 10_000;
/** Mailboxes whose rows are looked for in one statement. */
const mailboxesPerPortion = 500;

/** Deletes what a tenant's ended mail has left, in portions. Content in the blob store becomes an orphan and goes later. */
export async function purgeHistory(sql: Sql, tenantId: string): Promise<void> {
  await inPortions(messagesPerPortion, async () => {
    const [row] = await sql.query<{ n: number }>(
      `with old as materialized (
         select uid from mailfleet.messages where tenant_id = $1 order by uid limit $2
       ), parts as materialized (
         select d.uid from mailfleet.deliveries d join old on old.uid = d.message_uid where d.tenant_id = $1
       ), a as (delete from mailfleet.attempts where delivery_uid in (select uid from parts)
       ), l as (delete from mailfleet.dead_letters where tenant_id = $1 and delivery_uid in (select uid from parts)
       ), c as (delete from mailfleet.contents where message_uid in (select uid from old)
       ), d as (delete from mailfleet.deliveries where tenant_id = $1 and uid in (select uid from parts)
       ), m as (delete from mailfleet.messages where tenant_id = $1 and uid in (select uid from old) returning uid)
       select count(*) as n from m`,
      [tenantId, messagesPerPortion],
    );
    return row?.n ?? 0;
  });
  await inPortions(rowsPerPortion, async () => {
    const gone = await sql.query<{ n: number }>(
      `with gone as (
         delete from mailfleet.submission_keys where (tenant_id, origin, id) in
           (select tenant_id, origin, id from mailfleet.submission_keys where tenant_id = $1 limit $2) returning 1)
       select count(*) as n from gone`,
      [tenantId, rowsPerPortion],
    );
    return gone[0]?.n ?? 0;
  });
  await inPortions(messagesPerPortion, async () => {
    const [row] = await sql.query<{ n: number }>(
      `with old as materialized (
         select uid from mailfleet.inbound where tenant_id = $1 order by uid limit $2
       ), t as (delete from mailfleet.answering where inbound_uid in (select uid from old)
       ), c as (delete from mailfleet.inbound_contents where inbound_uid in (select uid from old)
       ), s as (delete from mailfleet.answer_steps where inbound_uid in (select uid from old)
       ), a as (delete from mailfleet.answers where inbound_uid in (select uid from old)
       ), i as (delete from mailfleet.inbound where uid in (select uid from old) returning 1)
       select count(*) as n from i`,
      [tenantId, messagesPerPortion],
    );
    return row?.n ?? 0;
  });
  await purgeMailboxes(sql, tenantId);
  for (const table of ["model_usage", "answering_stops", "questions"]) {
    await sql.query(`delete from mailfleet.${table} where tenant_id = $1`, [tenantId]);
  }
  await sql.query("delete from mailfleet.dead_letters where tenant_id = $1", [tenantId]);
  await sql.query("delete from mailfleet.tallies where tenant_id = $1", [tenantId]);
}

/** By the mailboxes' numbers, so that the database knows how little they have, and does not read the whole fleet's for each. */
async function purgeMailboxes(sql: Sql, tenantId: string): Promise<void> {
  const all = await sql.query<{ uid: number }>("select uid from mailfleet.mailboxes where tenant_id = $1", [tenantId]);
  const uids = all.map(({ uid }) => uid);
  for (let at = 0; at < uids.length; at += mailboxesPerPortion) {
    const some = uids.slice(at, at + mailboxesPerPortion);
    for (const table of ["fingerprints", "mailbox_actions"]) {
      await inPortions(rowsPerPortion, async () => {
        const [row] = await sql.query<{ n: number }>(
          `with gone as (
             delete from mailfleet.${table} where ctid = any (array(
               select ctid from mailfleet.${table} where mailbox_uid = any ($1) limit $2)) returning 1)
           select count(*) as n from gone`,
          [some, rowsPerPortion],
        );
        return row?.n ?? 0;
      });
    }
  }
}

async function inPortions(size: number, deletePortion: () => Promise<number>): Promise<void> {
  while ((await deletePortion()) >= size);
}
