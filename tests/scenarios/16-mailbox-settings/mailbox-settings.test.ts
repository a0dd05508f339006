import { type FakeImap, fakeImap, type MisbehavingHop, startMisbehavingHop } from "@mailfleet/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { letterTo } from "../../fleet/letters-to.ts";
import { type OneProcessFleet, startOneProcessFleet } from "../../fleet/one-process-fleet.ts";
import { until } from "../../fleet/until.ts";
import { mailboxOn, reachesState, stories, storiesIn, watch } from "../../fleet/watched-mailbox.ts";

const users = Array.from({ length: 24 }, (_, n) => `user-${n}@example.org`);
const hourMs = 3_600_000;
const ago = (ms: number) => new Date(Date.now() - ms);
const anything = ["pending", "answering", "answered", "skipped", "failed"];
let server: FakeImap;
let hop: MisbehavingHop;
let fleet: OneProcessFleet;
let taken = 0;

beforeAll(async () => {
  server = await fakeImap({ users });
  hop = await startMisbehavingHop();
  fleet = await startOneProcessFleet();
  for (const tenant of ["acme", "other"]) await fleet.tenant(tenant, { port: hop.port });
  await fleet.startSender();
  await fleet.startWatcher();
  await fleet.startAnswerer({ ANSWER_LOOK_AFTER: "1s" });
});
afterAll(async () => {
  await fleet?.[Symbol.asyncDispose]();
  await hop?.[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
});

interface Rig {
  readonly user: string;
  readonly id: string;
  readonly settings: object;
  readonly tenant: string;
  arrives(subject: string, letter?: Parameters<typeof letterTo>[1], where?: Where): void;
}

interface Where {
  readonly folder?: string;
  readonly flags?: readonly string[];
  readonly receivedAt?: Date;
}

/** A mailbox of a user of its own; followed once it is watched. */
function mailbox(changes: object = {}, answer: object = {}, tenant = "acme"): Rig {
  const user = users[taken++] ?? "";
  const place = { host: server.host, imapPort: server.port, password: server.password };
  let letters = 0;
  return {
    user,
    tenant,
    id: user.replace(/@.*/, ""),
    settings: mailboxOn(place, user, { recordsReturnPath: false, ...changes }, answer),
    arrives(subject, letter = {}, { folder = "INBOX", flags = [], receivedAt } = {}) {
      const from = `Ann <ann-${++letters}@${user.replace("@", ".")}>`;
      server.folder(folder, user).append(letterTo(user, { subject, from, ...letter }), flags, receivedAt);
    },
  };
}

const follow = (rig: Rig) => watch(fleet, rig.tenant, rig.id, rig.settings);
const put = (rig: Rig, settings: object) => fleet.ask("PUT", `/v1/mailboxes/${rig.id}`, rig.tenant, settings);
const endsOf = async (rig: Rig, n: number) =>
  (await storiesIn(fleet, rig.tenant, rig.id, n))
    .map(({ subject, state, reason }) => [subject, state, reason])
    .toSorted();
/** The answer worker has been asked something since, and has said it: it would have come to what waits. */
const someTimePasses = (rig: Rig) =>
  fleet.ask("POST", `/v1/mailboxes/${rig.id}/try`, rig.tenant, {
    content: Buffer.from(letterTo(rig.user)).toString("base64"),
  });

test("what a person has opened is the person's, unless the mailbox takes all", async () => {
  const unseen = mailbox();
  const all = mailbox({ take: "all" });
  for (const rig of [unseen, all]) {
    await follow(rig);
    rig.arrives("opened", {}, { flags: ["\\Seen"] });
    rig.arrives("not opened");
  }
  expect(await endsOf(all, 2)).toEqual([
    ["not opened", "answered", null],
    ["opened", "answered", null],
  ]);
  expect(await endsOf(unseen, 1)).toEqual([["not opened", "answered", null]]);
});

test("filters leave out what does not match, and nothing that matches", async () => {
  const rig = mailbox({ filters: { subject: "Order", body: "parcel" } });
  await follow(rig);
  rig.arrives("order 1", { text: "Where is my parcel?" });
  rig.arrives("order 2", { text: "Thank you." });
  rig.arrives("weather", { text: "Where is my parcel?" });
  rig.arrives("ORDER 3", { text: "My PARCEL came." });
  expect(await endsOf(rig, 2)).toEqual([
    ["ORDER 3", "answered", null],
    ["order 1", "answered", null],
  ]);
});

test("only who is allowed is answered, blocked senders never, and the page says from whom", async () => {
  const listed = mailbox({
    allowedSenders: ["Ann@Example.net", "@partner.test"],
    blockedSenders: ["bad@partner.test"],
  });
  const open = mailbox({ blockedSenders: ["@spam.test"] });
  for (const rig of [listed, open]) await follow(rig);
  listed.arrives("exact", { from: "ann@example.net" });
  listed.arrives("domain", { from: "Someone <SOMEONE@PARTNER.TEST>" });
  listed.arrives("subdomain", { from: "x@mail.partner.test" });
  listed.arrives("blocked", { from: "bad@partner.test" });
  listed.arrives("stranger", { from: "ann@example.net.evil.test" });
  open.arrives("anyone", { from: "who@where.test" });
  open.arrives("spam", { from: "who@spam.test" });
  expect(await endsOf(listed, 5)).toEqual([
    ["blocked", "skipped", "sender_blocked"],
    ["domain", "answered", null],
    ["exact", "answered", null],
    ["stranger", "skipped", "sender_not_allowed"],
    ["subdomain", "skipped", "sender_not_allowed"],
  ]);
  expect(await endsOf(open, 2)).toEqual([
    ["anyone", "answered", null],
    ["spam", "skipped", "sender_blocked"],
  ]);
  const acceptsFrom = async ({ id }: Rig) => (await fleet.ask("GET", `/v1/mailboxes/${id}`, "acme")).body.acceptsFrom;
  expect([await acceptsFrom(listed), await acceptsFrom(open)]).toEqual(["allowedSenders", "everyone"]);
});

test("a mailbox begins with what arrives from now on, or from startAt; what is older than maxAge is not answered", async () => {
  const now = mailbox();
  const since = mailbox({ startAt: ago(10 * hourMs).toISOString(), maxAge: "5h" });
  for (const rig of [now, since]) {
    const old = (hours: number) => ({ header: [], messageId: `<${hours}@${rig.id}.test>` });
    for (const hours of [20, 8, 2]) {
      const date = ago(hours * hourMs);
      const written = letterTo(rig.user, { subject: `${hours} h`, from: `p${hours}@${rig.id}.test`, ...old(hours) });
      const dated = written.replace(/^Date: .*$/m, `Date: ${date.toUTCString().replace("GMT", "+0000")}`);
      server.folder("INBOX", rig.user).append(dated, [], date);
    }
    await follow(rig);
    rig.arrives("new");
  }
  expect(await endsOf(now, 1)).toEqual([["new", "answered", null]]);
  expect(await endsOf(since, 3)).toEqual([
    ["2 h", "answered", null],
    ["8 h", "skipped", "too_old"],
    ["new", "answered", null],
  ]);
});

test("a mailbox that only notes is never answered, and what came can be read", async () => {
  const rig = mailbox({ role: "notify" });
  await follow({ ...rig, settings: { ...rig.settings, answer: undefined } });
  rig.arrives("for your information", { text: "Read me." });
  expect(await endsOf(rig, 1)).toEqual([["for your information", "skipped", "role_notify"]]);
  const [story] = await storiesIn(fleet, "acme", rig.id, 1);
  expect(story?.hasContent).toBe(true);
});

test("a window of the past is taken in on request, once, and what nobody has opened is answered", async () => {
  const rig = mailbox();
  for (const hours of [30, 20, 10]) rig.arrives(`${hours} h ago`, {}, { receivedAt: ago(hours * hourMs) });
  rig.arrives("opened", {}, { flags: ["\\Seen"], receivedAt: ago(15 * hourMs) });
  await follow(rig);
  const backfill = async () => {
    const window = { since: ago(25 * hourMs).toISOString(), until: ago(5 * hourMs).toISOString() };
    expect((await fleet.ask("POST", `/v1/mailboxes/${rig.id}/backfill`, "acme", window)).status).toBe(202);
  };
  await backfill();
  await storiesIn(fleet, "acme", rig.id, 3);
  await backfill();
  rig.arrives("now");
  expect(await endsOf(rig, 4)).toEqual([
    ["10 h ago", "answered", null],
    ["20 h ago", "answered", null],
    ["now", "answered", null],
    ["opened", "skipped", "already_seen"],
  ]);
});

test("a mailbox that is deleted records nothing more, and what waited in it ends", async () => {
  const rig = mailbox({}, { answerAfter: "1h" });
  await follow(rig);
  rig.arrives("waits");
  await storiesIn(fleet, "acme", rig.id, 1, ["pending"]);
  const id = (await storiesIn(fleet, "acme", rig.id, 1, ["pending"]))[0]?.id;
  expect((await fleet.ask("DELETE", `/v1/mailboxes/${rig.id}`, "acme")).status).toBe(204);
  const { body } = await fleet.ask("GET", `/v1/inbound/${id}`, "acme");
  expect(body).toMatchObject({ state: "skipped", reason: "mailbox_deleted" });
  const before = server.connections;
  const known = (await stories(fleet, "acme", await countAll(), anything)).length;
  rig.arrives("too late");
  await until("its connection is ended", () => server.connections < before);
  expect(await countAll()).toBe(known);
});

const countAll = async () => (await fleet.ask("GET", "/v1/inbound?limit=200", "acme")).body.items.length;

test("another folder is followed from the moment that it is set, and the first no more", async () => {
  const rig = mailbox();
  await follow(rig);
  rig.arrives("in the first");
  await storiesIn(fleet, "acme", rig.id, 1);
  expect((await put(rig, { ...rig.settings, folder: "Trash" })).status).toBe(200);
  await until(
    "it is followed there",
    async () => (await fleet.ask("GET", `/v1/mailboxes/${rig.id}`, "acme")).body.completeUpTo?.uid === 0,
  );
  rig.arrives("in the first again");
  rig.arrives("in the second", {}, { folder: "Trash" });
  expect(await endsOf(rig, 2)).toEqual([
    ["in the first", "answered", null],
    ["in the second", "answered", null],
  ]);
});

test("a person who answers within answerAfter was faster; else the answer leaves when its time has come", async () => {
  const rig = mailbox({}, { answerAfter: "2s" });
  await follow(rig);
  rig.arrives("answered by a person");
  rig.arrives("left to us");
  await storiesIn(fleet, "acme", rig.id, 2, ["pending"]);
  const [first] = server.folder("INBOX", rig.user).messages;
  server.folder("INBOX", rig.user).setFlags(first?.uid ?? 0, ["\\Seen", "\\Answered"]);
  expect(await endsOf(rig, 2)).toEqual([
    ["answered by a person", "skipped", "already_answered"],
    ["left to us", "answered", null],
  ]);
});

test.for(["mailbox", "tenant", "fleet"] as const)(
  "the kill switch of a %s holds what comes, and loses none of it",
  async (whose) => {
    const rig = mailbox();
    const neighbour = mailbox({}, {}, whose === "mailbox" ? "acme" : "other");
    for (const one of [rig, neighbour]) await follow(one);
    const turn = (verb: "stop" | "start") =>
      whose === "mailbox"
        ? fleet.ask("POST", `/v1/mailboxes/${rig.id}/${verb}-answering`, "acme")
        : fleet.ask("POST", `/v1/answering/${verb}`, whose === "tenant" ? "acme" : undefined);
    expect((await turn("stop")).status).toBe(200);
    rig.arrives("held");
    await storiesIn(fleet, "acme", rig.id, 1, ["pending"]);
    neighbour.arrives("at a neighbour's");
    if (whose === "fleet") await storiesIn(fleet, neighbour.tenant, neighbour.id, 1, ["pending"]);
    else await storiesIn(fleet, neighbour.tenant, neighbour.id, 1);
    await someTimePasses(rig);
    expect(await storiesIn(fleet, "acme", rig.id, 1, ["pending"])).toHaveLength(1);
    expect((await turn("start")).status).toBe(200);
    expect(await endsOf(rig, 1)).toEqual([["held", "answered", null]]);
    expect(await endsOf(neighbour, 1)).toEqual([["at a neighbour's", "answered", null]]);
  },
);

test("a suspended tenant's mail stays in its mailbox, and is answered when the tenant is active again", async () => {
  const rig = mailbox({}, {}, "other");
  await follow(rig);
  expect((await fleet.ask("POST", "/v1/tenants/other/suspend")).status).toBeLessThan(300);
  await reachesState(fleet, "other", rig.id, "suspended");
  rig.arrives("meanwhile");
  expect((await fleet.ask("POST", "/v1/tenants/other/activate")).status).toBeLessThan(300);
  expect(await endsOf(rig, 1)).toEqual([["meanwhile", "answered", null]]);
});
