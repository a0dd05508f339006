import { fieldOf, inbox } from "./mail-server.ts";
import type { World } from "./world.ts";

/** Holds what lies in SQL and on the servers against what the fleet promises. Everything found is a violation. */
export async function checkAtTheEnd(world: World): Promise<void> {
  await checkObjections(world);
  await checkEnds(world);
  await checkIdentity(world);
  await checkAnswers(world);
  await checkLimits(world);
  await checkCopies(world);
  await checkAsked(world);
}

async function find(world: World, text: string, complain: (row: Record<string, unknown>) => string): Promise<void> {
  for (const row of await world.database.db.query(text)) world.violate(world.nameUids(complain(row)));
}

/** At any moment: nobody writes what is another's, or answers what was stopped (P6, P9). */
export function checkObjections(world: World): Promise<void> {
  return find(world, "select objection from sim.objections order by n", ({ objection }) => `${objection}`);
}

/** Every message that came in ends once, with a reason where it was not answered, and leaves nothing behind that waits. */
async function checkEnds(world: World): Promise<void> {
  await find(
    world,
    `select i.uid, i.subject, i.state, i.reason from mailfleet.inbound i
     where i.state = 'open' or i.ended_at is null or (i.state <> 'answered' and i.reason is null) order by i.uid`,
    ({ uid, subject, state, reason }) => `${subject} (${uid}) has not ended: ${state}, ${reason}`,
  );
  await find(
    world,
    "select a.inbound_uid, a.state from mailfleet.answering a order by 1",
    ({ inbound_uid, state }) => `${inbound_uid} waits still (${state})`,
  );
}

/** The same message is recorded once, however often it is moved, renumbered or delivered. */
async function checkIdentity(world: World): Promise<void> {
  const rows = await world.database.db.query<{ mailbox: number; subject: string; n: number }>(
    "select mailbox_uid as mailbox, subject, count(*) as n from mailfleet.inbound group by 1, 2 order by 1, 2",
  );
  for (const { mailbox: uid, subject, n } of rows) {
    const mailbox = world.mailboxes.find(({ opened }) => opened.uid === uid);
    const guises = world.ledger.written.get(`${mailbox?.address} ${subject}`)?.guises ?? 0;
    if (n > guises)
      world.violate(`${subject} at ${mailbox?.address} is recorded ${n} times, and is ${guises} messages`);
  }
}

/** P6 and P7: an answered message has one answer, in the outbox or in Drafts; nobody else's has one; no automatic one has. */
async function checkAnswers(world: World): Promise<void> {
  await find(
    world,
    `select coalesce(i.uid, s.inbound_uid) as uid, i.state, s.message_id from mailfleet.inbound i
     full join mailfleet.answers s on s.inbound_uid = i.uid
     where (i.state = 'answered') is distinct from (s.inbound_uid is not null) order by 1`,
    ({ uid, state, message_id }) => `${uid} is ${state}, and its answer is ${message_id ?? "none"}`,
  );
  await find(
    world,
    `select coalesce(m.id, s.inbound_uid::text) as id, count(m.uid)::int as n
     from (select uid, id from mailfleet.messages where origin = 'answer' and id !~ '-escalation$') m
     full join (select * from mailfleet.answers where message_uid is not null) s on s.message_uid = m.uid
     group by 1 having count(m.uid) <> 1 or count(s.inbound_uid) <> 1 order by 1`,
    ({ id, n }) => `${id} has ${n} answers in the outbox`,
  );
  await find(
    world,
    `select mailbox_uid, correspondent, in_reply_to, count(*)::int as n from mailfleet.answers
     where in_reply_to is not null group by 1, 2, 3 having count(*) > 1 order by 1, 2, 3`,
    ({ correspondent, in_reply_to, n }) => `${correspondent} has ${n} answers to ${in_reply_to}`,
  );
  const answered = await world.database.db.query<{ mailbox: number; subject: string }>(
    `select i.mailbox_uid as mailbox, i.subject from mailfleet.answers s join mailfleet.inbound i on i.uid = s.inbound_uid order by i.uid`,
  );
  for (const { mailbox: uid, subject } of answered) {
    const mailbox = world.mailboxes.find(({ opened }) => opened.uid === uid);
    const isAutomatic = world.ledger.written.get(`${mailbox?.address} ${subject}`)?.letter.isAutomatic;
    if (isAutomatic) world.violate(`${subject}, which a program wrote, is answered`);
    if (mailbox?.plan.mode === "shadow") world.violate(`${subject} is answered, and was to be recorded only`);
  }
}

/** No correspondent has more answers than a day gives, no mailbox more than an hour does: a seed is shorter than both. */
async function checkLimits(world: World): Promise<void> {
  const rows = await world.database.db.query<{ mailbox: number; correspondent: string; n: number }>(
    "select mailbox_uid as mailbox, correspondent, count(*) as n from mailfleet.answers group by 1, 2 order by 1, 2",
  );
  for (const { opened, address, plan } of world.mailboxes) {
    const mine = rows.filter(({ mailbox }) => mailbox === opened.uid);
    const total = mine.reduce((sum, { n }) => sum + n, 0);
    if (total > plan.perHour) world.violate(`${address} has given ${total} answers in an hour`);
    for (const { correspondent, n } of mine)
      if (n > plan.perCorrespondentPerDay) world.violate(`${correspondent} has ${n} answers from ${address} in a day`);
  }
}

/** What is to be in the mailbox is there, once; what the fleet has marked as answered, it has answered. */
async function checkCopies(world: World): Promise<void> {
  const rows = await world.database.db.query<{ mailbox: number; id: string; folder: string; appended: boolean }>(
    `select x.mailbox_uid as mailbox, x.detail->>'messageId' as id, substr(x.detail->>'folder', 2) as folder,
       x.done_at is not null and not x.given_up as appended
     from mailfleet.mailbox_actions x where x.kind = 'append' order by x.id`,
  );
  for (const { opened, server, address } of world.mailboxes) {
    const asked = new Map(rows.filter(({ mailbox }) => mailbox === opened.uid).map((row) => [row.id, row]));
    for (const folder of ["Sent", "Drafts"]) {
      const copies = new Map<string, number>();
      for (const message of server.folder(folder).messages) {
        const id = fieldOf(message, "message-id") ?? "";
        if (id.startsWith("<answer-")) copies.set(id, (copies.get(id) ?? 0) + 1);
      }
      for (const [id, n] of copies) {
        if (asked.get(id)?.folder !== folder)
          world.violate(world.nameUids(`${id} lies in ${folder} of ${address}, unasked`));
        // A lease that lapses by a jump of the database's clock lapses before its owner can know.
        const mayBeTwice = world.ledger.appendedBlindly.has(id) || world.plan.trouble.clockJumps > 0;
        if (n > 1 && !mayBeTwice) world.violate(world.nameUids(`${id} lies ${n} times in ${folder} of ${address}`));
      }
      for (const row of asked.values())
        if (row.folder === folder && row.appended && !copies.has(row.id))
          world.violate(world.nameUids(`${row.id} was appended to ${folder} of ${address}, and is not there`));
    }
  }
  const answered = await world.database.db.query<{ mailbox: number; subject: string }>(
    "select mailbox_uid as mailbox, subject from mailfleet.inbound where state = 'answered'",
  );
  const isAnswered = new Set(answered.map(({ mailbox, subject }) => `${mailbox} ${subject}`));
  for (const { mailbox, letter } of world.ledger.written.values())
    if (world.ledger.markedAnswered.has(letter.bytes) && !isAnswered.has(`${mailbox.opened.uid} ${letter.key}`))
      world.violate(`${letter.key} is marked as answered, and was not`);
}

/** With an answer goes all that its mailbox's settings ask for, once, in the same transaction. */
async function checkAsked(world: World): Promise<void> {
  const rows = await world.database.db.query<{ uid: string; mailbox: number; kinds: string; sent: boolean }>(
    `select s.inbound_uid as uid, s.mailbox_uid as mailbox, s.message_uid is not null as sent,
       coalesce((select string_agg(x.kind, ' ' order by x.id) from mailfleet.mailbox_actions x
         where x.inbound_uid = s.inbound_uid and x.kind <> 'look'), '') as kinds
     from mailfleet.answers s order by s.inbound_uid`,
  );
  for (const { uid, mailbox, kinds, sent } of rows) {
    const plan = world.mailboxes.find(({ opened }) => opened.uid === mailbox)?.plan;
    const asked = ["flags", ...(plan?.appendTo ? ["append"] : []), ...(plan?.moveTo ? ["move"] : [])].join(" ");
    const expected = sent ? asked : "append";
    if (kinds !== expected)
      world.violate(world.nameUids(`for the answer to ${uid} there is "${kinds}" to do, not "${expected}"`));
  }
}

/** What still waits, or lies unread where it should have been taken; empty once all has come to its end. */
export async function unfinished(world: World): Promise<readonly string[]> {
  const { db } = world.database;
  const waiting = await db.query<{ what: string }>(
    `select inbound_uid || ' waits: ' || state as what from mailfleet.answering
     union all select 'an action waits: ' || kind || ' ' || id from mailfleet.mailbox_actions where done_at is null`,
  );
  const recorded = await db.query<{ mailbox: number; subject: string }>(
    "select mailbox_uid as mailbox, subject from mailfleet.inbound",
  );
  const isRecorded = new Set(recorded.map(({ mailbox, subject }) => `${mailbox} ${subject}`));
  const missing = world.mailboxes.flatMap(({ opened, address, server, plan }) =>
    server
      .folder(inbox)
      .messages.filter(({ flags }) => plan.take === "all" || !flags.has("\\Seen"))
      .map((message) => fieldOf(message, "subject") ?? "")
      .filter((subject) => !isRecorded.has(`${opened.uid} ${subject}`))
      .map((subject) => `${subject} lies in ${address}, and is not recorded`),
  );
  return [...waiting.map(({ what }) => world.nameUids(what)), ...missing];
}
