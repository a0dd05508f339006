import type { KeptCount } from "@mailfleet/testkit";
import { misplacedDeliveries, type Violation, wrongCopies } from "../invariant.ts";
import type { InboundHouse } from "./inbound-house.ts";

/**
 * The promises P6 and P9, and P2 and P3 for answers, held against SQL, the next hop, and the mailboxes as their server
 * has them; of a house whose mail has ended. Empty where all of them hold.
 */
export async function inboundViolations(house: InboundHouse, kept: readonly KeptCount[]): Promise<Violation[]> {
  const { store } = house.fleet;
  return [
    ...(await wrongAnswers(house)),
    ...(await misplacedDeliveries(store)),
    ...(await wrongCopies(store, kept)),
    ...secondCopies(kept),
    ...(await untoldAnswers(house, kept)),
    ...(await wrongMailboxes(house)),
  ];
}

/** P6: each message that arrived is recorded once, and has one answer in the outbox, to whoever wrote it. */
async function wrongAnswers({ fleet: { store }, sent }: InboundHouse): Promise<Violation[]> {
  const rows = await store.db.query<{ message_id: string; states: string; answers: number; recipients: string }>(
    `select i.message_id, string_agg(concat_ws(' ', i.state, i.reason), ', ') as states, count(m.uid) as answers,
       string_agg(d.recipient, ', ') as recipients
     from mailfleet.inbound i
     left join mailfleet.messages m on m.tenant_id = i.tenant_id and m.origin = 'answer' and m.id = i.uid::text
     left join mailfleet.deliveries d on d.tenant_id = m.tenant_id and d.message_uid = m.uid
     group by 1`,
  );
  const found = new Map(rows.map((row) => [row.message_id, row]));
  const wrong = sent.flatMap(({ messageId, from }) => {
    const row = found.get(messageId);
    if (!row) return `${messageId} was delivered and is not known`;
    const { states, answers, recipients } = row;
    if (states === "answered" && answers === 1 && recipients === from) return [];
    return `${messageId} is ${states}, with ${answers} answers, to ${recipients}`;
  });
  const [count] = await store.db.query<{ answers: number; noted: number }>(
    `select (select count(*) from mailfleet.messages where origin = 'answer') as answers, (select count(*) from mailfleet.answers) as noted`,
  );
  if (count?.answers !== sent.length) wrong.push(`${count?.answers} answers were accepted for ${sent.length} messages`);
  if (count?.noted !== sent.length) wrong.push(`${count?.noted} answers are noted for ${sent.length} messages`);
  return wrong;
}

/** P3: answers are held where they are in doubt, so that none leaves a second time. */
const secondCopies = (kept: readonly KeptCount[]): Violation[] =>
  kept.flatMap(({ messageId, recipient, copies }) =>
    copies > 1 ? `${messageId} has ${copies} copies for ${recipient}` : [],
  );

/** P2: the API's deliveries tell of each answer that it is sent, or held in doubt; what is sent is there. */
async function untoldAnswers({ fleet, sent, boxes }: InboundHouse, kept: readonly KeptCount[]): Promise<Violation[]> {
  const arrived = new Set(kept.map(({ recipient }) => recipient));
  const told = new Map<string, string>();
  for (const tenantId of new Set(boxes.map((box) => box.tenantId))) {
    for (let cursor = ""; ; ) {
      const { body } = await fleet.ask("GET", `/v1/deliveries?limit=100${cursor}`, tenantId);
      for (const { recipient, state, heldReason } of body.items) {
        told.set(recipient, state === "held" ? `held ${heldReason}` : state);
      }
      if (!body.nextCursor) break;
      cursor = `&cursor=${encodeURIComponent(body.nextCursor)}`;
    }
  }
  return sent.flatMap(({ from }) => {
    const state = told.get(from);
    if (state === "sent" && !arrived.has(from)) return `the answer to ${from} is told as sent and is not there`;
    return state === "sent" || state === "held in_doubt" ? [] : `the answer to ${from} is told as ${state}`;
  });
}

/** Each message lies where it lay, is `\Answered`, and the mailbox's Sent has one copy of each of its answers. */
async function wrongMailboxes({ fleet: { store }, dovecot, boxes, sent }: InboundHouse): Promise<Violation[]> {
  const rows = await store.db.query<{ id: string; answered: string }>(
    "select message_id as answered, in_reply_to as id from mailfleet.answers",
  );
  const answerTo = new Map(rows.map(({ id, answered }) => [id, answered]));
  const wrong = boxes.map(async ({ user }): Promise<Violation[]> => {
    const own = sent.filter((one) => one.user === user).map(({ messageId }) => messageId);
    const [inbox, copies] = await Promise.all([dovecot.messages(user), dovecot.messages(user, "Sent")]);
    const answered = inbox.filter(({ flags }) => flags.includes("\\Answered"));
    const answers = own.map((id) => answerTo.get(id) ?? `no answer to ${id}`);
    return [
      ...difference(`${user} has as \\Answered`, answered, own),
      ...difference(`${user} has in Sent`, copies, answers),
    ];
  });
  return (await Promise.all(wrong)).flat();
}

/** What is there and should not be, or should and is not, however often. */
function difference(
  what: string,
  there: readonly { readonly messageId: string }[],
  expected: readonly string[],
): Violation[] {
  const found = there.map(({ messageId }) => messageId).toSorted();
  const wanted = expected.toSorted();
  return `${found}` === `${wanted}` ? [] : [`${what} ${found}, and not ${wanted}`];
}
