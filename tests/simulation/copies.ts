import type { World } from "./world.ts";

interface Addressed {
  readonly message_id: string;
  readonly recipient: string;
  readonly in_doubt: "retry" | "hold";
  readonly deliveries: readonly Told[];
}

/** A delivery as it is on record; of a message and recipient there is more than one where it was resent. */
interface Told {
  readonly uid: string;
  readonly state: string;
  readonly successes: number;
  readonly doubts: number;
}

/**
 * P3: what is sent is there; each copy has an attempt on record that may have left it, and the first one is never in
 * doubt of a second where the tenant wants that held.
 */
export async function keptCopies(world: World): Promise<void> {
  const { ledger, hop } = world;
  const copies = new Map(hop.kept.counts().map((one) => [`${one.messageId} ${one.recipient}`, one.copies]));
  for (const one of await addressed(world)) {
    const name = `${one.message_id} ${one.recipient}`;
    const n = copies.get(name) ?? 0;
    copies.delete(name);
    judge(world, name, n, one);
  }
  for (const name of copies.keys()) world.violate(`${name} is at the next hop and was never accepted`);
  for (const uid of ledger.succeeded) {
    const state = await stateOf(world, uid);
    if (state !== "sent") world.violate(world.nameUids(`${uid} was sent, was recorded as such, and is ${state}`));
  }
}

function judge({ ledger, violate }: World, name: string, n: number, { in_doubt, deliveries }: Addressed): void {
  const sum = (count: (one: Told) => number) => deliveries.reduce((total, one) => total + count(one), 0);
  const mayBeThere = sum(({ successes, doubts }) => successes + doubts);
  const isSent = deliveries.some(({ uid, state }) => state === "sent" && !ledger.markedSent.has(uid));
  if (isSent && n === 0) violate(`${name} is sent, and nobody has it`);
  if (n > mayBeThere) violate(`${name} has ${n} copies for ${mayBeThere} attempts that may have left one`);
  // One copy is what was asked for; each further one falls upon an attempt in doubt.
  const inDoubt = sum(({ doubts }) => doubts);
  if (n > 1 + inDoubt) violate(`${name} has ${n} copies and ${inDoubt} attempts in doubt`);
  const asked = sum(({ uid }) => 1 + (ledger.released.get(uid) ?? 0));
  if (in_doubt === "hold" && n > asked) violate(`${name} is to be held in doubt, and has ${n} copies`);
  const isCancelled = deliveries.some(({ uid }) => ledger.cancelled.has(uid));
  const fromDoubt = sum(({ uid, successes, doubts }) => (ledger.cancelled.has(uid) ? doubts : successes + doubts));
  if (isCancelled && n > fromDoubt) violate(`${name} was cancelled, they said, and has ${n} copies`);
}

async function addressed({ database }: World): Promise<Addressed[]> {
  const rows = await database.db.query<Omit<Addressed, "deliveries"> & Told>(
    `select m.message_id, d.recipient, m.in_doubt, d.uid, d.state,
       count(a.number) filter (where a.outcome = 'success')::int as successes,
       count(a.number) filter (where a.outcome = 'in_doubt' or a.late_outcome is not null)::int as doubts
     from mailfleet.deliveries d join mailfleet.messages m on m.tenant_id = d.tenant_id and m.uid = d.message_uid
     left join mailfleet.attempts a on a.delivery_uid = d.uid
     group by m.message_id, d.recipient, m.in_doubt, d.uid, d.state order by d.uid`,
  );
  const groups = Map.groupBy(rows, (row) => `${row.message_id} ${row.recipient}`);
  return [...groups.values()].map((deliveries) => ({ ...(deliveries[0] as (typeof rows)[number]), deliveries }));
}

async function stateOf({ database }: World, uid: string): Promise<string | undefined> {
  const [row] = await database.db.query<{ state: string }>("select state from mailfleet.deliveries where uid = $1", [
    uid,
  ]);
  return row?.state;
}
