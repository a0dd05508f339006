import { type PrivateDovecot, privateDovecot, startMisbehavingHop } from "@mailfleet/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { letterTo } from "../../fleet/letters-to.ts";
import { type OneProcessFleet, startOneProcessFleet } from "../../fleet/one-process-fleet.ts";
import { mailboxOn, type Story, storiesIn, watch } from "../../fleet/watched-mailbox.ts";

const users = Array.from({ length: 12 }, (_, n) => `user-${n}@domain-${n}.test`);
let dovecot: PrivateDovecot;
/** With keys and databases of their own. */
let here: OneProcessFleet;
let there: OneProcessFleet;
let taken = 0;

beforeAll(async () => {
  dovecot = await privateDovecot(users);
  [here, there] = await Promise.all([startFleet(), startFleet()]);
}, 60_000);
afterAll(async () => {
  await Promise.all([here?.[Symbol.asyncDispose](), there?.[Symbol.asyncDispose]()]);
  await dovecot?.[Symbol.asyncDispose]();
});

async function startFleet(): Promise<OneProcessFleet> {
  const fleet = await startOneProcessFleet();
  // What is sent arrives in the mailboxes that are watched.
  await fleet.tenant("acme", { port: dovecot.lmtpPort, lmtp: true });
  await fleet.startSender();
  await fleet.startWatcher();
  await fleet.startAnswerer();
  return fleet;
}

interface Side {
  readonly fleet: OneProcessFleet;
  readonly user: string;
  readonly id: string;
}

async function answering(fleet: OneProcessFleet, changes: object = {}, answer: object = {}): Promise<Side> {
  const user = users[taken++] ?? "";
  const id = user.replace(/@.*/, "");
  await watch(fleet, "acme", id, mailboxOn(dovecot, user, changes, answer));
  return { fleet, user, id };
}

/** As a person at `from` would write, with nothing that says otherwise. */
const write = (from: Side, to: Side, changes: Parameters<typeof letterTo>[1] = {}) =>
  dovecot.deliver(to.user, letterTo(to.user, { from: `Somebody <${from.user}>`, ...changes }), {
    reversePath: from.user,
  });

const endsOf = (stories: readonly Story[]) => stories.map(({ state, reason }) => reason ?? state).toSorted();
const endsIn = async ({ fleet, id }: Side, n: number) => endsOf(await storiesIn(fleet, "acme", id, n));

test.for([
  ["one fleet", () => here],
  ["two fleets", () => there],
] as const)("mailboxes of %s that answer each other exchange at most one message each", async ([, other]) => {
  const [ann, bob] = [await answering(here), await answering(other())];
  await write(bob, ann);
  await write(ann, bob);
  // What somebody wrote was answered, once on each side; what came back was not.
  for (const side of [ann, bob]) expect(await endsIn(side, 2)).toEqual(["answered", "loop"]);
  for (const { user } of [ann, bob]) expect(await dovecot.messages(user)).toHaveLength(2);
});

test("without a word on the reverse-path, the header alone ends it", async () => {
  const [ann, bob] = [
    await answering(here, { recordsReturnPath: false }, { reversePath: users[taken] ?? "" }),
    await answering(there, { recordsReturnPath: false }, { reversePath: users[taken] ?? "" }),
  ];
  await write(bob, ann);
  expect(await endsIn(ann, 1)).toEqual(["answered"]);
  expect(await endsIn(bob, 1)).toEqual(["loop"]);
  expect(await dovecot.messages(ann.user)).toHaveLength(1);
});

/** All that says that a message was written by a program. */
const marks = /^(Auto-Submitted|X-Mailfleet-Loop|X-Auto-Response-Suppress|Precedence):.*\r\n(?:[ \t].*\r\n)*/gim;

test("where a gateway takes every mark away, the cap on a correspondent ends it", async () => {
  await using hop = await startMisbehavingHop();
  await here.tenant("gated", { port: hop.port });
  const sides = [users[taken++] ?? "", users[taken++] ?? ""];
  for (const user of sides) {
    const settings = mailboxOn(dovecot, user, {}, { limits: { perCorrespondentPerDay: 2 } });
    await watch(here, "gated", user.replace(/@.*/, ""), settings);
  }
  const [ann = "", bob = ""] = sides;
  await dovecot.deliver(ann, letterTo(ann, { from: bob }), { reversePath: bob });
  // Ann, Bob, Ann, Bob; and the fifth is not written.
  for (let n = 1; n <= 4; n++) {
    const [from, to] = n % 2 === 1 ? [ann, bob] : [bob, ann];
    const answer = (await hop.kept(n))[n - 1];
    expect(answer?.recipients).toEqual([to]);
    await dovecot.deliver(to, String(answer?.content).replace(marks, ""), { reversePath: from });
  }
  const endsAt = async (user: string, n: number) => endsOf(await storiesIn(here, "gated", user.replace(/@.*/, ""), n));
  expect(await endsAt(ann, 3)).toEqual(["answered", "answered", "too_many_answers"]);
  expect(await endsAt(bob, 2)).toEqual(["answered", "answered"]);
});

test("a thread holds so many answers of ours and no more, an hour too, and neither stops what is not theirs", async () => {
  await using hop = await startMisbehavingHop();
  await here.tenant("capped", { port: hop.port });
  const [deep = "", busy = ""] = [users[taken++], users[taken++]];
  const capped = (user: string, limits: object) =>
    watch(here, "capped", user.replace(/@.*/, ""), mailboxOn(dovecot, user, {}, { limits }));
  await capped(deep, { threadDepth: 2 });
  await capped(busy, { perHour: 2 });
  const id = (user: string) => user.replace(/@.*/, "");

  const references: string[] = [];
  for (let n = 1; n <= 3; n++) {
    const header = references.length > 0 ? [`References: ${references.join(" ")}`] : [];
    const messageId = `<turn-${n}@example.net>`;
    await dovecot.deliver(deep, letterTo(deep, { messageId, header, subject: `turn ${n}` }), {
      reversePath: "ann@example.net",
    });
    await storiesIn(here, "capped", id(deep), n);
    if (n < 3) references.push(messageId, (await hop.kept(n))[n - 1]?.messageId ?? "");
  }
  await dovecot.deliver(deep, letterTo(deep, { subject: "another matter" }), { reversePath: "ann@example.net" });
  const inThread = await storiesIn(here, "capped", id(deep), 4);
  expect(inThread.map(({ subject, state, reason }) => [subject, reason ?? state])).toEqual([
    ["another matter", "answered"],
    ["turn 3", "thread_too_deep"],
    ["turn 2", "answered"],
    ["turn 1", "answered"],
  ]);

  for (let n = 1; n <= 3; n++) {
    const from = `person-${n}@example.net`;
    await dovecot.deliver(busy, letterTo(busy, { from }), { reversePath: from });
    await storiesIn(here, "capped", id(busy), n);
  }
  expect(endsOf(await storiesIn(here, "capped", id(busy), 3))).toEqual(["answered", "answered", "hourly_cap"]);
});

test("copies of one message that came by several ways at once get one answer", async () => {
  await using hop = await startMisbehavingHop();
  await here.tenant("copied", { port: hop.port });
  const user = users[taken++] ?? "";
  const id = user.replace(/@.*/, "");
  await watch(here, "copied", id, mailboxOn(dovecot, user));
  const letter = letterTo(user, { messageId: "<once@example.net>" });
  await Promise.all(Array.from({ length: 5 }, () => dovecot.deliver(user, letter, { reversePath: "ann@example.net" })));
  const ends = endsOf(await storiesIn(here, "copied", id, 5));
  expect(ends).toEqual([...Array(4).fill("already_answered"), "answered"]);
  await hop.kept(1);
  expect(hop.messages).toHaveLength(1);
});
