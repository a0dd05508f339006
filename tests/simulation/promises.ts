import { keptCopies } from "./copies.ts";
import type { World } from "./world.ts";

/** Holds what lies in SQL and at the next hop against what the fleet promises. Everything found is a violation. */
export async function checkAtTheEnd(world: World): Promise<void> {
  await checkTickets(world);
  await checkAcceptance(world);
  await checkEnds(world);
  await keptCopies(world);
  await checkCounts(world);
  await checkNotifications(world);
  await checkPromotions(world);
  if (world.plan.trouble.clockJumps === 0) await checkLimits(world);
}

const tickets = `(select delivery_uid, 'ready' as place from mailfleet.ready union all select delivery_uid, 'later' from mailfleet.later
  union all select delivery_uid, 'inflight' from mailfleet.inflight union all select delivery_uid, 'held' from mailfleet.held)`;

async function find(world: World, text: string, complain: (row: Record<string, unknown>) => string): Promise<void> {
  for (const row of await world.database.db.query(text)) world.violate(world.nameUids(complain(row)));
}

/** P2 at any moment: an open delivery waits in exactly one place, an ended one in none, and nothing waits for nobody. */
export async function checkTickets(world: World): Promise<void> {
  await find(
    world,
    `select d.uid, d.state, string_agg(t.place, '+') as places from mailfleet.deliveries d
     left join ${tickets} t on t.delivery_uid = d.uid
     group by d.uid, d.state having count(t.delivery_uid) <> case d.state when 'open' then 1 else 0 end
     union all
     select t.delivery_uid, 'unknown', t.place from ${tickets} t
     where not exists (select from mailfleet.deliveries d where d.uid = t.delivery_uid)
     union all
     select i.delivery_uid, 'in hands of nobody', 'inflight' from mailfleet.inflight i
     where not exists (select from mailfleet.workers w where w.id = i.worker)
     order by 1`,
    ({ uid, state, places }) => `${uid} is ${state} and waits in ${places ?? "no place"}`,
  );
}

/** P1 and P4: what was said yes to is there, once, whole. */
async function checkAcceptance(world: World): Promise<void> {
  const rows = await world.database.db.query<{ key: string; uid: string; n: number }>(
    `select m.tenant_id || '/' || m.id as key, m.uid,
       (select count(*) from mailfleet.deliveries d where d.message_uid = m.uid and d.resend_of is null) as n
     from mailfleet.messages m where m.origin = 'tenant' order by m.uid`,
  );
  const seen = new Set<string>();
  for (const { key, uid, n } of rows) {
    const sent = world.ledger.sent.get(key);
    if (seen.has(key)) world.violate(`${key} is there twice`);
    seen.add(key);
    if (sent?.uid !== uid) world.violate(`${key} is not the message that was accepted`);
    if (sent?.submission.envelope.recipients.length !== n) world.violate(`${key} has ${n} deliveries`);
  }
  for (const [key, { uid }] of world.ledger.sent) {
    if (uid !== undefined && !seen.has(key)) world.violate(`${key} was accepted and is not there`);
  }
}

/** P2: all has ended, or is held where somebody asked for it or a process died of it. */
async function checkEnds(world: World): Promise<void> {
  await find(
    world,
    `select d.uid, h.reason, m.in_doubt from mailfleet.deliveries d
     join mailfleet.messages m on m.tenant_id = d.tenant_id and m.uid = d.message_uid
     left join mailfleet.held h on h.delivery_uid = d.uid
     where d.state = 'open' and (h.reason is null or h.reason = 'suspended' or (h.reason = 'in_doubt' and m.in_doubt <> 'hold'))
     order by 1`,
    ({ uid, reason }) => `${uid} has not ended (${reason ?? "not held"})`,
  );
  await find(
    world,
    "select uid, state, attempts, ended_at from mailfleet.deliveries where (state = 'open') <> (ended_at is null) order by 1",
    ({ uid, state, ended_at }) => `${uid} is ${state} and ended at ${ended_at}`,
  );
  await find(
    world,
    `select d.uid, d.state from mailfleet.deliveries d
     left join mailfleet.dead_letters l on l.tenant_id = d.tenant_id and l.delivery_uid = d.uid
     where (d.state = 'dead_lettered') <> (l.delivery_uid is not null) order by 1`,
    ({ uid, state }) => `${uid} is ${state}, and the list of dead letters says otherwise`,
  );
}

/** What statistics tell is what can be counted. */
async function checkCounts(world: World): Promise<void> {
  await find(
    world,
    `select kind, coalesce(told, 0) as told, coalesce(counted, 0) as counted
     from (select tenant_id, kind, sum(n)::int as told from mailfleet.tallies group by 1, 2) t
     full join (
       select tenant_id, state as kind, count(*)::int as counted from mailfleet.deliveries where state <> 'open' group by 1, 2
       union all
       select tenant_id, 'attempt:' || outcome, count(*)::int from mailfleet.attempts group by 1, 2) c using (tenant_id, kind)
     where coalesce(told, 0) <> coalesce(counted, 0) order by 1`,
    ({ kind, told, counted }) => `${kind}: ${told} are told of, and there are ${counted}`,
  );
}

/** P2: the sender of mail that came by SMTP learns of its dead letter, once. A later success may come after the notification. */
async function checkNotifications(world: World): Promise<void> {
  await find(
    world,
    `select * from (
       select d.uid, d.state, m.via, count(n.uid)::int as n,
         exists (select from mailfleet.attempts a where a.delivery_uid = d.uid and 'success' in (a.outcome, a.late_outcome)) as late
       from mailfleet.deliveries d
       join mailfleet.messages m on m.tenant_id = d.tenant_id and m.uid = d.message_uid and m.origin = 'tenant'
       left join mailfleet.messages n on n.tenant_id = d.tenant_id and n.origin = 'dsn' and n.id = d.uid::text
       group by d.uid, d.tenant_id, d.state, m.via) x
     where n > 1 or (n = 0 and state = 'dead_lettered' and via = 'smtp')
       or (n = 1 and not (via = 'smtp' and (state = 'dead_lettered' or late)))
     order by uid`,
    ({ uid, state, via, n }) => `${uid} is ${state}, came by ${via}, and has ${n} notifications`,
  );
}

/** What may not go does not go. */
async function checkPromotions(world: World): Promise<void> {
  await find(
    world,
    "select delivery_uid as uid, objection from sim.promotions where objection is not null order by 1",
    ({ uid, objection }) => `${uid} was offered, although ${objection}`,
  );
}

/** P10: of limited mail no more is promoted in a window than the limit says. */
async function checkLimits(world: World): Promise<void> {
  const rows = await world.database.db.query<{ key_id: number; per_minute: number; at_ms: number }>(
    `select k.id as key_id, k.per_minute, extract(epoch from p.at)::float8 * 1000 as at_ms
     from sim.promotions p join mailfleet.queue_keys k on k.id = p.key_id or (k.account_uid = p.account_uid and k.domain is null)
     where k.per_minute is not null order by 1, 3`,
  );
  for (const [key, promoted] of Map.groupBy(rows, (row) => row.key_id)) {
    let begun = Number.NEGATIVE_INFINITY;
    let used = 0;
    for (const { at_ms, per_minute } of promoted) {
      if (at_ms - begun >= 60_000) [begun, used] = [at_ms, 0];
      if (++used > per_minute)
        world.violate(`queue key ${key} has ${used} promotions in a minute that allows ${per_minute}`);
    }
  }
}
