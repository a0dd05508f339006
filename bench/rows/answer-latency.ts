/** Row 12: from the LMTP delivery of a letter to a watched mailbox, to its template answer at the sender's server. */
import type { AnswerSettings } from "@mailfleet/mail";
import { openImapClient, privateDovecot, startMisbehavingHop } from "@mailfleet/testkit";
import { quantile } from "../figure.ts";
import type { Lab } from "../lab.ts";
import type { CpuGroup } from "../parts/cpu.ts";
import { pidListening } from "../parts/listener.ts";
import { allFollowed, clearMailboxes, comesTrue, databaseNow, watchInboxes } from "../parts/mailboxes.ts";
import { clearOutbox, settle } from "../parts/seed.ts";
import { openWindow, type Window } from "../parts/window.ts";

export interface AnswerLatency {
  /** Milliseconds since the letter was offered to Dovecot over LMTP: p50 and p95. */
  readonly accepted: Spread;
  /** When a bare IMAP client that idles in the same mailbox heard of that letter. */
  readonly noticed: Spread;
  /** When it was recorded, when its answer was in the outbox, and when that arrived. */
  readonly recorded: Spread;
  readonly answered: Spread;
  readonly arrived: Spread;
  /** Arrived later than the bare client heard, letter by letter. */
  readonly afterNotice: Spread;
  readonly samples: number;
  readonly window: Window;
}

export interface Spread {
  readonly p50Ms: number;
  readonly p95Ms: number;
}

const user = "help@bench.example";
const warmLetters = 5;
const followWithinMs = 30_000;
const arriveWithinMs = 30_000;
/** Dovecot gathers what happens for half a second; a letter that came while it gathers the last one's flags would be told early. */
const quietMs = 700;
/** Between two letters beyond that, at random, so that they fall anywhere into the fleet's own rhythms. */
const maxPauseMs = 300;

const answer: AnswerSettings = {
  answerer: { kind: "template", text: "Hello {{ from.name }}, we will look into it." },
  mode: "send",
  from: `Help <${user}>`,
  quoteOriginal: true,
  markAnswered: true,
  markSeen: false,
  inDoubt: "hold",
  limits: { perCorrespondentPerDay: 10, perHour: 10_000, threadDepth: 5 },
  requireAuthentication: false,
  maxTries: 5,
};

/** One letter at a time, to a fleet of separate processes that has nothing else to do. */
export async function answerLatency(lab: Lab, letters: number): Promise<AnswerLatency> {
  await using hop = await startMisbehavingHop();
  await using dovecot = await privateDovecot([user]);
  await clearMailboxes(lab);
  await clearOutbox(lab.db);
  await lab.account(hop.port, 5);
  await settle(lab.db);
  const began = await databaseNow(lab);
  await watchInboxes(lab, dovecot, [user], { role: "answer", answer });
  await using watch = lab.startWatch();
  await using answerer = lab.startAnswerer();
  await using dispatch = lab.startDispatch();
  await allFollowed(lab, began, followWithinMs);

  await using bare = await openImapClient({ port: dovecot.imapPort });
  await bare.done(`LOGIN ${user} ${dovecot.password}`);
  await bare.done("SELECT INBOX");
  await bare.idle();

  const groups: CpuGroup[] = [
    { name: "watch", pids: [watch.pid], withChildren: false },
    { name: "answer", pids: [answerer.pid], withChildren: false },
    { name: "dispatch", pids: [dispatch.pid], withChildren: false },
    ...lab.servers,
    { name: "dovecot", pids: [pidListening(dovecot.imapPort)], withChildren: true },
  ];
  const times: Times[] = [];
  let close: (() => Promise<Window>) | undefined;
  for (let n = 1; n <= warmLetters + letters; n++) {
    if (n === warmLetters + 1) close = await openWindow({ count: () => hop.deliveries, groups, fleet: lab });
    const sentAt = Date.now();
    const noticed = bare.hears(new RegExp(`^${n} EXISTS`)).then(() => Date.now());
    const arrived = hop.kept(n, arriveWithinMs).then((messages) => messages[n - 1]?.at.getTime() ?? Number.NaN);
    await dovecot.deliver(user, letter(n), { reversePath: sender(n) });
    const acceptedAt = Date.now();
    try {
      times.push({ sentAt, acceptedAt, noticedAt: await noticed, arrivedAt: await arrived });
    } catch (cause) {
      throw new Error(`letter ${n}; answer-worker said:\n${await lab.said("answer-worker")}`, { cause });
    }
    await comesTrue(lab, "imap-watch", "the letter is flagged", () => isDone(lab), arriveWithinMs);
    await new Promise((resolve) => setTimeout(resolve, quietMs + Math.random() * maxPauseMs));
  }
  if (!close) throw new Error("no letters");
  const window = await close();
  const counted = times.slice(warmLetters);
  const stages = (await stagesOf(lab)).slice(warmLetters);
  const since = (at: (n: number) => number) => spreadOf(counted.map(({ sentAt }, n) => at(n) - sentAt));
  return {
    accepted: spreadOf(counted.map(({ sentAt, acceptedAt }) => acceptedAt - sentAt)),
    noticed: spreadOf(counted.map(({ sentAt, noticedAt }) => noticedAt - sentAt)),
    recorded: since((n) => stages[n]?.recordedAt.getTime() ?? Number.NaN),
    answered: since((n) => stages[n]?.answeredAt.getTime() ?? Number.NaN),
    arrived: spreadOf(counted.map(({ sentAt, arrivedAt }) => arrivedAt - sentAt)),
    afterNotice: spreadOf(counted.map(({ noticedAt, arrivedAt }) => arrivedAt - noticedAt)),
    samples: counted.length,
    window,
  };
}

interface Times {
  readonly sentAt: number;
  readonly acceptedAt: number;
  readonly noticedAt: number;
  readonly arrivedAt: number;
}

const spreadOf = (values: readonly number[]): Spread => ({
  p50Ms: quantile(values, 0.5),
  p95Ms: quantile(values, 0.95),
});

/** Whether nothing is left to be done in the mailbox: then the fleet is idle again. */
async function isDone({ db }: Lab): Promise<boolean> {
  const [row] = await db.query<{ left: number }>(
    "select count(*)::int as left from mailfleet.mailbox_actions where done_at is null",
  );
  return row?.left === 0;
}

/** Of every letter, in the order in which they came; times of the database's clock, which is this machine's. */
const stagesOf = ({ db }: Lab) =>
  db.query<{ recordedAt: Date; answeredAt: Date }>(
    `select received_at as "recordedAt", ended_at as "answeredAt" from mailfleet.inbound order by uid`,
  );

const sender = (n: number) => `ann${n}@sink.example`;

const letter = (n: number) =>
  [
    `From: Ann <${sender(n)}>`,
    `To: ${user}`,
    `Subject: question ${n}`,
    `Date: ${new Date().toUTCString().replace("GMT", "+0000")}`,
    `Message-ID: <question-${n}-${Date.now()}@sink.example>`,
    "",
    "Where is my parcel?",
    "",
  ].join("\r\n");
