import type { Database, Tx } from "./database.ts";
import { tally } from "./tally.ts";

/** What came of cancelling, for each delivery of a message. */
export interface Cancellation {
  readonly id: string;
  readonly recipient: string;
  /** `sending`: a worker is offering it right now, so it may be sent; `ended`: it had ended before. */
  readonly result: "cancelled" | "sending" | "ended";
}

/** A ticket may change tables while we look for it in another; it can do so this often before we leave it be. */
const passes = 5;
/** Deadlocks and lock waits with workers, which we give way to. */
const tries = 3;
const LOCK_NOT_AVAILABLE = "55P03";
const DEADLOCK = "40P01";

/** Whoever deletes a delivery's ticket decides about it: a worker that claims it later finds nothing. */
export async function cancelMessage(db: Database, tenantId: string, uid: string): Promise<readonly Cancellation[]> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await db.asTenant(tenantId, (tx) => cancelOnce(tx, tenantId, uid));
    } catch (error) {
      const code = (error as { code?: string }).code;
      if ((code !== LOCK_NOT_AVAILABLE && code !== DEADLOCK) || attempt === tries) throw error;
    }
  }
}

async function cancelOnce(tx: Tx, tenantId: string, uid: string): Promise<readonly Cancellation[]> {
  await tx.query("set local lock_timeout = '2s'");
  const deliveries = await tx.query<{ id: string; recipient: string; state: string }>(
    `select uid as id, recipient, state from mailfleet.deliveries
     where tenant_id = $1 and message_uid = $2 order by position, uid`,
    [tenantId, uid],
  );
  const cancelled = new Set<string>();
  let open = deliveries.filter(({ state }) => state === "open").map(({ id }) => id);
  for (let pass = 0; pass < passes && open.length > 0; pass++) {
    for (const id of await takeTickets(tx, open)) cancelled.add(id);
    open = await stillWaiting(
      tx,
      tenantId,
      open.filter((id) => !cancelled.has(id)),
    );
  }
  if (cancelled.size > 0) {
    await tx.query(
      `update mailfleet.deliveries set state = 'cancelled', ended_at = now(), last_reason = 'cancelled'
       where tenant_id = $1 and uid = any ($2::uuid[])`,
      [tenantId, [...cancelled]],
    );
    await tally(tx, tenantId, "cancelled", cancelled.size);
  }

  const ended = new Set(await endedOf(tx, tenantId, uid));
  return deliveries.map(({ id, recipient }) => {
    if (cancelled.has(id)) return { id, recipient, result: "cancelled" };
    return { id, recipient, result: ended.has(id) ? "ended" : "sending" };
  });
}

/** A statement per table, each with a view of its own, in the order that tickets move. */
async function takeTickets(tx: Tx, ids: readonly string[]): Promise<string[]> {
  const taken: string[] = [];
  for (const from of ["later", "held", "ready", "inflight"]) {
    const claimed = from === "inflight" ? "and state = 'c'" : "";
    const rows = await tx.query<{ delivery_uid: string }>(
      `delete from mailfleet.${from} where delivery_uid = any ($1::uuid[]) ${claimed} returning delivery_uid`,
      [ids],
    );
    taken.push(...rows.map((row) => row.delivery_uid));
  }
  return taken;
}

/** Those that are open and not being transmitted: their tickets moved while we looked. */
async function stillWaiting(tx: Tx, tenantId: string, ids: readonly string[]): Promise<string[]> {
  if (ids.length === 0) return [];
  const rows = await tx.query<{ uid: string }>(
    `select d.uid from mailfleet.deliveries d
     where d.tenant_id = $1 and d.uid = any ($2::uuid[]) and d.state = 'open'
       and not exists (select from mailfleet.inflight i where i.delivery_uid = d.uid and i.state = 't')`,
    [tenantId, ids],
  );
  return rows.map((row) => row.uid);
}

async function endedOf(tx: Tx, tenantId: string, messageUid: string): Promise<string[]> {
  const rows = await tx.query<{ uid: string }>(
    "select uid from mailfleet.deliveries where tenant_id = $1 and message_uid = $2 and state <> 'open'",
    [tenantId, messageUid],
  );
  return rows.map((row) => row.uid);
}
