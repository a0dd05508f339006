import assert from "node:assert/strict";
import { type PrivateDovecot, privateDovecot } from "@mailfleet/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { FetchedMessage } from "./fetching.ts";
import type { Login, ServerSettings } from "./line.ts";
import { type OpenOptions, openMailbox, type Session } from "./session.ts";
import { verifyMailbox } from "./verify.ts";

let dovecot: PrivateDovecot;
let names = 0;
const users = Array.from({ length: 40 }, (_, n) => `user${n}@example.org`);
beforeAll(async () => {
  dovecot = await privateDovecot([...users, { address: "token@example.org", accessToken: "right-token" }], {
    maxUserConnections: 3,
  });
});
afterAll(() => dovecot?.[Symbol.asyncDispose]());

const someUser = () => users[names++] as string;
const server = (over: Partial<ServerSettings> = {}): ServerSettings => ({
  host: "127.0.0.1",
  port: dovecot.imapPort,
  security: "none",
  allowClearTextAuth: true,
  ...over,
});
const login = (user: string, pass = dovecot.password): Login => ({ kind: "password", user, pass });
const inbox: OpenOptions = { folder: "INBOX", mode: "idle", pollIntervalMs: 50 };

async function opened(user: string, over: Partial<OpenOptions> = {}): Promise<Session> {
  const result = await openMailbox(server(), login(user), { ...inbox, ...over });
  assert(result.ok);
  return result.session;
}

async function fetched(session: Session, uids: readonly number[]): Promise<FetchedMessage[]> {
  const all: FetchedMessage[] = [];
  assert.equal(await session.fetch(uids, (message) => all.push(message)), undefined);
  return all;
}

async function listed(session: Session, criteria: Parameters<Session["list"]>[0] = {}): Promise<readonly number[]> {
  const answer = await session.list(criteria);
  assert(answer.ok);
  return answer.value;
}

const letter = (id: string, { subject = id, body = "hello", more = "" } = {}) =>
  `From: ann@example.net\r\nMessage-ID: <${id}@example.net>\r\n${more}Subject: ${subject}\r\n\r\n${body}\r\n`;

describe("what keeps us out is told as a value", () => {
  test("a wrong password is an authentication failure, with the server's words", async () => {
    const result = await openMailbox(server(), login(someUser(), "wrong"), inbox);
    expect(result).toMatchObject({ ok: false, trouble: { kind: "authentication", code: "AUTHENTICATIONFAILED" } });
    assert(!result.ok && result.trouble.detail.length > 0);
    expect(await dovecot.connections()).toBe(0);
  });

  test("a wrong access token is an authentication failure, a right one lets in", async () => {
    const as = (accessToken: string): Login => ({ kind: "oauth2", user: "token@example.org", accessToken });
    expect(await openMailbox(server(), as("wrong"), inbox)).toMatchObject({ trouble: { kind: "authentication" } });
    const result = await openMailbox(server(), as("right-token"), inbox);
    assert(result.ok);
    await result.session[Symbol.asyncDispose]();
  });

  test("nobody listens", async () => {
    const result = await openMailbox(server({ port: 1 }), login(someUser()), inbox);
    expect(result).toMatchObject({ ok: false, trouble: { kind: "unreachable", code: "ECONNREFUSED" } });
  });

  test("too many connections of one user do not count as wrong credentials", async () => {
    const user = someUser();
    const open = await Promise.all([opened(user), opened(user), opened(user)]);
    const result = await openMailbox(server(), login(user), inbox);
    assert(!result.ok);
    expect(["throttled", "unreachable"]).toContain(result.trouble.kind);
    for (const session of open) await session[Symbol.asyncDispose]();
  });

  test("a folder that is not there", async () => {
    const result = await openMailbox(server(), login(someUser()), { ...inbox, folder: "Nowhere" });
    expect(result).toMatchObject({ ok: false, trouble: { kind: "folder_missing" } });
  });

  test("a certificate that nobody vouches for", async () => {
    const result = await openMailbox(server({ security: "tls", port: dovecot.imapsPort }), login(someUser()), inbox);
    expect(result).toMatchObject({ ok: false, trouble: { kind: "tls" } });
  });

  test("credentials do not travel in clear text unless the mailbox says so", async () => {
    const result = await openMailbox(server({ allowClearTextAuth: false }), login(someUser()), inbox);
    expect(result).toMatchObject({ ok: false, trouble: { kind: "unsupported", code: "CLEAR_TEXT" } });
  });
});

test.for(["tls", "starttls"] as const)("%s carries a session", async (security) => {
  const port = security === "tls" ? dovecot.imapsPort : dovecot.imapPort;
  const result = await openMailbox(server({ security, port, caPem: dovecot.caPem }), login(someUser()), inbox);
  assert(result.ok);
  expect(result.session.abilities).toMatchObject({
    idle: true,
    condstore: true,
    move: true,
    uidplus: true,
    specialUse: true,
  });
  expect(result.session.following).toBe("idle");
  await result.session[Symbol.asyncDispose]();
});

describe("reading", () => {
  test("lists by UID, by what a person has not opened, and by what the server finds", async () => {
    const user = someUser();
    for (const id of ["one", "two", "three"]) await dovecot.deliver(user, letter(id));
    await dovecot.setFlags(user, "INBOX", 2, "add", ["\\Seen"]);
    await using session = await opened(user);
    expect(session.folder.uidNext).toBe(4);
    expect(await listed(session)).toEqual([1, 2, 3]);
    expect(await listed(session, { fromUid: 4 })).toEqual([]);
    expect(await listed(session, { fromUid: 2 })).toEqual([2, 3]);
    expect(await listed(session, { uids: [1, 2], unseen: true })).toEqual([1]);
    expect(await listed(session, { filters: { subject: "thr" } })).toEqual([3]);
    expect(await listed(session, { since: new Date() })).toEqual([1, 2, 3]);
    expect(await listed(session, { until: new Date(Date.now() - 3 * 86_400_000) })).toEqual([]);
  });

  test("fetches what is small as a whole, what is large in pieces, and marks nothing as seen", async () => {
    const user = someUser();
    await dovecot.deliver(user, letter("small"));
    const large = letter("large", { body: "0123456789abcdef\r\n".repeat(40_000) });
    await dovecot.deliver(user, large);
    await using session = await opened(user);
    const [small, big] = await fetched(session, [1, 2, 99]);
    assert(small && big);
    expect(small).toMatchObject({ uid: 1, isWhole: true, flags: expect.not.arrayContaining(["\\Seen"]) });
    expect(small.bytes.toString()).toContain("Message-ID: <small@example.net>");
    expect(small.bytes.length).toBe(small.sizeBytes);
    expect(big).toMatchObject({ uid: 2, isWhole: false });
    const pieces: Buffer[] = [];
    for await (const piece of session.content(2, 10_000_000)) pieces.push(piece);
    expect(pieces.length).toBeGreaterThan(2);
    const stored = await dovecot.content(user, "INBOX", 2);
    const read = Buffer.concat(pieces).toString();
    expect(read.replaceAll("\r\n", "\n") === stored.replaceAll("\r\n", "\n")).toBe(true);
    const cut: Buffer[] = [];
    for await (const piece of session.content(2, 300_000)) cut.push(piece);
    expect(Buffer.concat(cut).length).toBe(300_000);
    await expect(session.content(99, 1_000).next()).rejects.toThrow("gone");
    const places = await session.places([1, 2, 99]);
    expect(places).toMatchObject({ ok: true, value: [{ uid: 1 }, { uid: 2 }] });
  });
});

describe("waiting", () => {
  test.for(["idle", "poll"] as const)("%s hears of a new message", async (mode) => {
    const user = someUser();
    await using session = await opened(user, { mode });
    const heard = session.wait(20_000);
    await dovecot.deliver(user, letter("news"));
    expect(await heard).toBe("news");
    // Who polls looks by himself whether there is anything.
    while ((await listed(session, { fromUid: session.folder.uidNext ?? 1 })).length === 0) await session.wait(20_000);
  });

  test("as many arrivals as were expunged are news", async () => {
    const user = someUser();
    await dovecot.deliver(user, letter("first"));
    await using session = await opened(user);
    const heard = session.wait(20_000);
    await dovecot.expunge(user, "INBOX", 1);
    await dovecot.deliver(user, letter("second"));
    expect(await heard).toBe("news");
  });

  test("a wait ends when its time is up, when somebody wakes it, and goes on afterwards", async () => {
    const user = someUser();
    await using session = await opened(user, { timeLimits: { idleMs: 200 } });
    expect(await session.wait(50)).toBe("time");
    session.wake();
    expect(await session.wait(20_000)).toBe("woken");
    const waiting = session.wait(20_000);
    session.wake();
    expect(await waiting).toBe("woken");
    const again = session.wait(20_000);
    await dovecot.deliver(user, letter("later"));
    expect(await again).toBe("news");
  });

  test("IDLE is begun anew in time, and each time is one to look for what was not told", async () => {
    await using session = await opened(someUser(), { timeLimits: { idleMs: 40 } });
    for (let n = 0; n < 3; n++) expect(await session.wait(20_000)).toBe("news");
    expect(await listed(session)).toEqual([]);
  });

  test.for(["idle", "poll"] as const)("%s: a connection that the server ends is told of", async (mode) => {
    const user = someUser();
    await using session = await opened(user, { mode, pollIntervalMs: 60_000 });
    const told = expect(session.wait(20_000)).rejects.toMatchObject({ trouble: { kind: "unreachable" } });
    await dovecot.kick(user);
    await told;
    await expect(session.list({})).rejects.toMatchObject({ trouble: { kind: "unreachable" } });
  });
});

describe("deeds can be done again", () => {
  test("flags", async () => {
    const user = someUser();
    await dovecot.deliver(user, letter("flags"));
    await using session = await opened(user);
    const change = { add: ["\\Answered", "$Forwarded"], remove: ["\\Seen"] };
    expect(await session.changeFlags(1, change)).toEqual({ kind: "done" });
    expect(await session.changeFlags(1, change)).toEqual({ kind: "done" });
    expect(await session.changeFlags(9, change)).toEqual({ kind: "gone" });
    const [message] = await dovecot.messages(user);
    expect(message?.flags.toSorted()).toEqual(["$Forwarded", "\\Answered"]);
  });

  test("what somebody has expunged a moment ago is gone, and nothing was done", async () => {
    const user = someUser();
    for (const id of ["one", "two"]) await dovecot.deliver(user, letter(id));
    await using session = await opened(user);
    await dovecot.expunge(user, "INBOX", "1:2");
    expect(await session.changeFlags(1, { add: ["\\Answered"] })).toEqual({ kind: "gone" });
    expect(await session.move(2, "Done")).toEqual({ kind: "gone" });
  });

  test("a move, into a folder that was not there", async () => {
    const user = someUser();
    await dovecot.deliver(user, letter("moves"));
    await using session = await opened(user);
    expect(await session.move(1, "Done/2026")).toEqual({ kind: "done" });
    expect(await session.move(1, "Done/2026")).toEqual({ kind: "gone" });
    expect(await dovecot.messages(user, "Done/2026")).toHaveLength(1);
    expect(await dovecot.messages(user)).toHaveLength(0);
  });

  test("an append", async () => {
    const user = someUser();
    await using session = await opened(user);
    const to = await session.findSpecialFolder("\\Sent");
    assert(typeof to === "string");
    const message = {
      to,
      messageId: "<sent@example.org>",
      flags: ["\\Seen"],
      bytes: Buffer.from(letter("x").replace("x@example.net", "sent@example.org")),
    };
    expect(await session.appendOnce(message)).toEqual({ kind: "done" });
    expect(await session.appendOnce(message)).toEqual({ kind: "done" });
    expect(await dovecot.messages(user, to)).toMatchObject([{ messageId: "<sent@example.org>", flags: ["\\Seen"] }]);
    expect(await session.appendOnce({ ...message, to: "Elsewhere" })).toEqual({ kind: "done" });
    expect(await dovecot.messages(user, "Elsewhere")).toHaveLength(1);
  });

  test("a reply in Sent is found by what it answers", async () => {
    const user = someUser();
    await dovecot.save(user, "Sent", letter("reply", { more: "In-Reply-To: <asked@example.net>\r\n" }));
    await dovecot.save(user, "Sent", letter("other", { more: "References: <a@b> <asked2@example.net>\r\n" }));
    await using session = await opened(user);
    expect(await session.hasReply("Sent", "<asked@example.net>")).toBe(true);
    expect(await session.hasReply("Sent", "<asked2@example.net>")).toBe(true);
    expect(await session.hasReply("Sent", "<unasked@example.net>")).toBe(false);
    expect(await session.hasReply("Nowhere", "<asked@example.net>")).toBe(false);
    await dovecot.deliver(user, letter("meanwhile"));
    expect(await session.wait(20_000)).toBe("news");
    expect(await listed(session)).toEqual([1]);
  });
});

describe("verify", () => {
  test("says what the server can do, and changes nothing", async () => {
    const user = someUser();
    await dovecot.deliver(user, letter("verified"));
    expect(await verifyMailbox(server(), login(user), inbox)).toMatchObject({
      ok: true,
      steps: [{ step: "connect" }, { step: "login" }, { step: "folder", ok: true }],
      following: "idle",
      folder: { messages: 1, isReadOnly: false },
      sentFolder: "Sent",
      draftsFolder: "Drafts",
    });
  });

  test("says at which step it ends", async () => {
    const user = someUser();
    const starttls = server({ security: "starttls", caPem: dovecot.caPem });
    expect(await verifyMailbox(starttls, login(user, "wrong"), inbox)).toMatchObject({
      ok: false,
      steps: [
        { step: "connect", ok: true },
        { step: "tls", ok: true },
        { step: "login", ok: false },
      ],
      trouble: { kind: "authentication" },
    });
    expect(await verifyMailbox(server(), login(user), { ...inbox, folder: "Nowhere" })).toMatchObject({
      ok: false,
      steps: [{ step: "connect" }, { step: "login" }, { step: "folder", ok: false }],
    });
  });
});
