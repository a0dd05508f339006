import type { Store } from "@mailfleet/store";
import type { KeptCount } from "@mailfleet/testkit";
import type { Ledger } from "./fleet/ledger.ts";

/** What a broken promise looks like: one line each. */
export type Violation = string;

/** Everything that must hold whatever dies, of a fleet whose mail has settled or still waits. */
export interface Evidence {
  readonly store: Store;
  /** What the next hops have, whatever the fleet believes. */
  readonly kept: readonly KeptCount[];
  readonly ledger: Ledger;
  /** Whether what was acknowledged is submitted once more; intake must be up. */
  readonly resubmits?: boolean;
}

/** The promises P1 to P4, held against what is in SQL and what lies at the next hop. Empty where all of them hold. */
export async function violations({ store, kept, ledger, resubmits = true }: Evidence): Promise<Violation[]> {
  return [
    ...(await lostAcknowledgements(store, ledger)),
    ...(await misplacedDeliveries(store)),
    ...(await wrongCopies(store, kept)),
    ...(await wrongCounts(store)),
    ...(await wrongNotifications(store)),
    ...(resubmits ? await repeatedSubmissions(store, ledger) : []),
  ];
}

/** P1: what was said yes to is there, with all its recipients. */
async function lostAcknowledgements(store: Store, { acknowledged }: Ledger): Promise<Violation[]> {
  const rows = await store.db.query<{ id: string; tenant_id: string; n: number }>(
    `select m.id, m.tenant_id, count(*) as n from mailfleet.messages m
     join mailfleet.deliveries d on d.message_uid = m.uid and d.resend_of is null group by 1, 2`,
  );
  const found = new Map(rows.map(({ tenant_id, id, n }) => [`${tenant_id} ${id}`, n]));
  return acknowledged
    .filter(({ tenantId, id, recipients }) => found.get(`${tenantId} ${id}`) !== recipients.length)
    .map(({ id }) => `${id} was acknowledged and is not there whole`);
}

const tickets = `(select delivery_uid from mailfleet.ready union all select delivery_uid from mailfleet.later
  union all select delivery_uid from mailfleet.inflight union all select delivery_uid from mailfleet.held)`;

/** P2: accepted = ended + waiting. Every open delivery waits in exactly one place, and an ended one in none. */
export async function misplacedDeliveries(store: Store): Promise<Violation[]> {
  const misplaced = await store.db.query<{ uid: string; state: string; places: number }>(
    `select d.uid, d.state, count(t.delivery_uid) as places
     from mailfleet.deliveries d left join ${tickets} t on t.delivery_uid = d.uid group by 1, 2
     having count(t.delivery_uid) <> case d.state when 'open' then 1 else 0 end`,
  );
  const orphans = await store.db.query<{ uid: string }>(
    `select t.delivery_uid as uid from ${tickets} t
     where not exists (select from mailfleet.deliveries d where d.uid = t.delivery_uid)
     union all
     select i.delivery_uid from mailfleet.inflight i
     where not exists (select from mailfleet.workers w where w.id = i.worker)`,
  );
  return [
    ...misplaced.map(({ uid, state, places }) => `delivery ${uid} is ${state} and waits in ${places} places`),
    ...orphans.map(({ uid }) => `a ticket of ${uid} belongs to nobody`),
  ];
}

/** P3: what is sent is there; each further copy is an attempt that was recorded as in doubt; held mail has no second copy. */
export async function wrongCopies(store: Store, kept: readonly KeptCount[]): Promise<Violation[]> {
  const rows = await store.db.query<{
    message_id: string;
    recipient: string;
    in_doubt: string;
    sent: number;
    released: boolean;
    may_be_there: number;
  }>(
    `select m.message_id, d.recipient, m.in_doubt, count(*) filter (where d.state = 'sent') as sent,
       bool_or(d.last_reason like 'released by%') as released,
       sum((select count(*) from mailfleet.attempts a where a.delivery_uid = d.uid and a.outcome in ('success', 'in_doubt')))::int
         + count(*) filter (where exists (select from mailfleet.inflight i where i.delivery_uid = d.uid and i.state = 't')) as may_be_there
     from mailfleet.deliveries d join mailfleet.messages m on m.tenant_id = d.tenant_id and m.uid = d.message_uid
     group by 1, 2, 3`,
  );
  const copies = new Map(kept.map((one) => [`${one.messageId} ${one.recipient}`, one.copies]));
  const found: Violation[] = [];
  for (const row of rows) {
    const name = `${row.message_id} ${row.recipient}`;
    const n = copies.get(name) ?? 0;
    copies.delete(name);
    if (row.sent > 0 && n === 0) found.push(`${name} is sent and nobody has it`);
    if (n > row.may_be_there)
      found.push(`${name} has ${n} copies for ${row.may_be_there} attempts that may have left one`);
    if (row.in_doubt === "hold" && n > 1) found.push(`${name} was to be held in doubt and has ${n} copies`);
  }
  for (const name of copies.keys()) found.push(`${name} is at the next hop and was never accepted`);
  return found;
}

/** What statistics tell is what can be counted. */
async function wrongCounts(store: Store): Promise<Violation[]> {
  const rows = await store.db.query<{ kind: string; told: number; counted: number }>(
    `select kind, coalesce(told, 0) as told, coalesce(counted, 0) as counted
     from (select kind, sum(n)::int as told from mailfleet.tallies group by 1) t
     full join (
       select state as kind, count(*)::int as counted from mailfleet.deliveries where state <> 'open' group by 1
       union all select 'attempt:' || outcome, count(*)::int from mailfleet.attempts group by 1) c using (kind)
     where coalesce(told, 0) <> coalesce(counted, 0)`,
  );
  return rows.map(({ kind, told, counted }) => `${kind}: ${told} were told of, and there are ${counted}`);
}

/** P2: of mail that came by SMTP each dead letter is notified once, and nothing else is. */
async function wrongNotifications(store: Store): Promise<Violation[]> {
  const rows = await store.db.query<{ uid: string; owed: boolean; n: number }>(
    `select d.uid, d.state = 'dead_lettered' and m.via = 'smtp' and m.reverse_path <> '' as owed, count(n.uid) as n
     from mailfleet.deliveries d
     join mailfleet.messages m on m.tenant_id = d.tenant_id and m.uid = d.message_uid and m.origin = 'tenant'
     left join mailfleet.messages n on n.tenant_id = d.tenant_id and n.origin = 'dsn' and n.id = d.uid::text
     group by 1, 2 having count(n.uid) <> case when d.state = 'dead_lettered' and m.via = 'smtp' and m.reverse_path <> '' then 1 else 0 end`,
  );
  return rows.map(({ uid, owed, n }) => `delivery ${uid} is ${owed ? "" : "not "}owed a notification and has ${n}`);
}

const repeatsAtOnce = 16;

/** P4: what was acknowledged is the same message still, and submitting it again adds nothing. */
async function repeatedSubmissions(store: Store, ledger: Ledger): Promise<Violation[]> {
  const count = async () => (await store.db.query<{ n: number }>("select count(*) as n from mailfleet.messages"))[0]?.n;
  const rows = await store.db.query<{ tenant_id: string; id: string; message_id: string }>(
    "select tenant_id, id, message_id from mailfleet.messages",
  );
  const messageIds = new Map(rows.map(({ tenant_id, id, message_id }) => [`${tenant_id} ${id}`, message_id]));
  const before = await count();
  const found: Violation[] = [];
  const again = ledger.acknowledged.filter(({ via }) => via === "http").values();
  const work = async () => {
    for (const letter of again) {
      const { status, messageId } = await ledger.resubmit(letter);
      if (status !== 200 || messageId !== messageIds.get(`${letter.tenantId} ${letter.id}`)) {
        found.push(`${letter.id} was answered ${status} ${messageId} when it came again`);
      }
    }
  };
  await Promise.all(Array.from({ length: repeatsAtOnce }, work));
  if ((await count()) !== before) found.push("what came again was accepted again");
  return found;
}
