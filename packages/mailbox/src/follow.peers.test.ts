import assert from "node:assert/strict";
import { type PrivateDovecot, privateDovecot } from "@mailfleet/testkit";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type Follower, type FollowLimits, follow } from "./follow.ts";
import type { Start } from "./sink.ts";
import { MemorySink } from "./testing/memory-sink.ts";

let dovecot: PrivateDovecot;
let names = 0;
const users = Array.from({ length: 40 }, (_, n) => `user${n}@example.org`);
beforeAll(async () => {
  dovecot = await privateDovecot(users);
});
afterAll(() => dovecot?.[Symbol.asyncDispose]());

const someUser = () => users[names++] as string;
const letter = (id: string, body = "hello") =>
  `From: ann@example.net\r\nMessage-ID: <${id}@example.net>\r\nSubject: ${id}\r\n\r\n${body}\r\n`;
const deliver = (user: string, ...ids: string[]) =>
  ids.reduce((before, id) => before.then(() => dovecot.deliver(user, letter(id))), Promise.resolve());

function startOf(user: string, over: Partial<Start> = {}): Start {
  return {
    server: { host: "127.0.0.1", port: dovecot.imapPort, security: "none", allowClearTextAuth: true },
    login: { kind: "password", user, pass: dovecot.password },
    folder: "INBOX",
    mode: "idle",
    pollIntervalMs: 50,
    take: "all",
    maxAgeMs: 259_200_000,
    startAt: new Date(Date.now() - 60_000),
    position: { uidValidity: null, watermark: null, modseq: null, reconciledAt: null, resume: null },
    maxContentBytes: 10_000_000,
    ...over,
  };
}

interface Rig extends AsyncDisposable {
  readonly sink: MemorySink;
  readonly follower: Follower;
  /** Waits until these are what was recorded, in any order. */
  takes(...ids: string[]): Promise<void>;
}

function followed(sink: MemorySink, limits: Partial<FollowLimits> = {}): Rig {
  const ending = new AbortController();
  const follower = follow(sink, {
    signal: ending.signal,
    random: () => 0.99,
    limits: { fullMs: 20, sinkRetryMs: 5, ...limits },
  });
  return {
    sink,
    follower,
    takes: (...ids) => vi.waitFor(() => expect(sink.ids.toSorted()).toEqual(ids.toSorted()), waiting),
    async [Symbol.asyncDispose]() {
      ending.abort();
      await follower.ended;
    },
  };
}

const waiting = { timeout: 15_000, interval: 5 };
const until = (condition: () => boolean) => vi.waitFor(() => assert(condition()), waiting);

test.for(["idle", "poll"] as const)(
  "%s: what arrives is recorded once, in its order, and then nothing is missing",
  async (mode) => {
    const user = someUser();
    await deliver(user, "one");
    const sink = new MemorySink(startOf(user, { mode }));
    await using rig = followed(sink);
    await rig.takes("one");
    await deliver(user, "two", "three");
    await rig.takes("one", "two", "three");
    expect(sink.ids).toEqual(["one", "two", "three"]);
    expect(sink.start.position).toMatchObject({ watermark: 3 });
    expect(sink.progress.at(-1)).toMatchObject({ completeAt: expect.any(Date) });
    expect(sink.errors).toEqual([]);
  },
);

test("what arrived while nobody followed is found by the gap check; what was there before the beginning is not taken", async () => {
  const user = someUser();
  await deliver(user, "old");
  const sink = new MemorySink(startOf(user, { startAt: new Date(Date.now() + 5_000) }));
  {
    await using rig = followed(sink);
    await until(() => sink.start.position.watermark === 1);
    expect(rig.sink.ids).toEqual([]);
  }
  await deliver(user, "meanwhile");
  await using rig = followed(sink);
  await rig.takes("meanwhile");
});

test("what changed below the watermark while nobody followed is found when the folder is opened again (CONDSTORE)", async () => {
  const user = someUser();
  await deliver(user, "opened", "unopened");
  await dovecot.setFlags(user, "INBOX", 1, "add", ["\\Seen"]);
  const sink = new MemorySink(startOf(user, { take: "unseen" }));
  {
    await using rig = followed(sink);
    await rig.takes("unopened");
    await until(() => sink.start.position.watermark === 2);
  }
  const before = sink.start.position.modseq;
  await dovecot.setFlags(user, "INBOX", 1, "remove", ["\\Seen"]);
  await using rig = followed(sink);
  await rig.takes("opened", "unopened");
  await until(() => BigInt(sink.start.position.modseq ?? 0) > BigInt(before ?? 0));
  expect(sink.start.position.watermark).toBe(2);
});

test("a connection that is cut, and a server that is restarted, cost nothing but time", async () => {
  const user = someUser();
  const sink = new MemorySink(startOf(user));
  await using rig = followed(sink);
  await until(() => sink.attended === 1);
  await dovecot.kick(user);
  await deliver(user, "after-cut");
  await rig.takes("after-cut");
  await dovecot.stop();
  await until(() => sink.troubles.length >= 2);
  await dovecot.start();
  await deliver(user, "after-restart");
  await rig.takes("after-cut", "after-restart");
  expect(sink.troubles.map(({ trouble }) => trouble.kind)).not.toContain("authentication");
});

test("who was faster wins: what a person has opened is not taken", async () => {
  const user = someUser();
  await deliver(user, "opened", "unopened");
  await dovecot.setFlags(user, "INBOX", 1, "add", ["\\Seen"]);
  const sink = new MemorySink(startOf(user, { take: "unseen" }));
  await using rig = followed(sink);
  await rig.takes("unopened");
  expect(sink.start.position.watermark).toBe(2);
});

test("the server's search leaves out what does not match, and the watermark passes it", async () => {
  const user = someUser();
  const sink = new MemorySink(startOf(user, { filters: { subject: "order" } }));
  await using rig = followed(sink);
  await until(() => sink.attended === 1);
  await deliver(user, "order-1", "chat", "order-2");
  await rig.takes("order-1", "order-2");
  await deliver(user, "more-chat");
  await until(() => sink.start.position.watermark === 4);
});

describe("after a UIDVALIDITY reset", () => {
  test("known messages are not recorded again, and unknown ones are", async () => {
    const user = someUser();
    await deliver(user, "one", "two", "three");
    const sink = new MemorySink(startOf(user));
    {
      await using rig = followed(sink);
      await rig.takes("one", "two", "three");
    }
    await dovecot.expunge(user, "INBOX", 1);
    await dovecot.resetUidValidity(user, "INBOX");
    await deliver(user, "four");
    await using rig = followed(sink);
    await rig.takes("one", "two", "three", "four");
    const { uidValidity } = await dovecot.status(user);
    expect(sink.start.position).toMatchObject({ uidValidity, watermark: 3 });
  });

  test("many unknown ones wait for a person's word", async () => {
    const user = someUser();
    await deliver(user, "known");
    const sink = new MemorySink(startOf(user));
    {
      await using rig = followed(sink);
      await rig.takes("known");
    }
    const strangers = Array.from({ length: 21 }, (_, n) => `stranger-${n}`);
    await deliver(user, ...strangers);
    await dovecot.resetUidValidity(user, "INBOX");
    await using rig = followed(sink);
    await until(() => sink.pauses === 1);
    expect(sink.ids).toEqual(["known"]);
    sink.next = undefined;
    sink.start = { ...sink.start, position: { ...sink.start.position, resume: "skip" } };
    rig.follower.restart();
    await rig.takes("known", ...strangers);
    expect(sink.recorded.filter(({ asSkipped }) => asSkipped === "before_start")).toHaveLength(21);
    expect(sink.start.position.resume).toBeNull();
  });
});

test("a large message is read over a second connection, and what comes after it does not wait", async () => {
  const user = someUser();
  const sink = new MemorySink(startOf(user, { maxContentBytes: 900_000 }));
  await using rig = followed(sink);
  await until(() => sink.attended === 1);
  await dovecot.deliver(user, letter("large", "0123456789abcdef\r\n".repeat(40_000)));
  await dovecot.deliver(user, letter("too-large", "0123456789abcdef\r\n".repeat(60_000)));
  await deliver(user, "small");
  await rig.takes("large", "too-large", "small");
  const sizes = new Map(sink.recorded.map(({ messageId, sizeBytes }) => [messageId, sizeBytes]));
  expect(sizes.get("large")).toBeGreaterThan(720_000);
  expect(sizes.get("too-large")).toBe(0);
  expect(sink.start.position.watermark).toBe(3);
  await vi.waitFor(async () => expect(await dovecot.connections(user)).toBe(1), waiting);
});

test("while there is no room nothing is taken in, but what was asked for is done", async () => {
  const user = someUser();
  const sink = new MemorySink(startOf(user));
  await using rig = followed(sink);
  await until(() => sink.attended === 1);
  sink.room = false;
  await deliver(user, "waits");
  await until(() => sink.refusals > 2);
  sink.deed = async (session) => {
    assert((await session.list({})).ok);
  };
  rig.follower.wake();
  await until(() => sink.attended === 2);
  expect(sink.ids).toEqual([]);
  sink.room = true;
  await rig.takes("waits");
});

test("a database that is away costs neither the connection nor a message", async () => {
  const user = someUser();
  const sink = new MemorySink(startOf(user));
  await using rig = followed(sink);
  await until(() => sink.attended === 1);
  sink.failures = 5;
  await deliver(user, "one", "two");
  await rig.takes("one", "two");
  expect(sink.errors.length).toBe(5);
  expect(sink.begins).toHaveLength(1);
});

test("what a server showed late is found by looking below the watermark", async () => {
  const user = someUser();
  await deliver(user, "one", "late", "three");
  const sink = new MemorySink(startOf(user));
  await using rig = followed(sink, { reconcileMs: 300 });
  await rig.takes("one", "late", "three");
  sink.forget("late");
  await rig.takes("one", "late", "three");
  expect(sink.progress.some(({ isReconciled }) => isReconciled)).toBe(true);
});

test("a window of the past is looked through when that is asked for, whoever has opened its mail", async () => {
  const user = someUser();
  await deliver(user, "past");
  await dovecot.setFlags(user, "INBOX", 1, "add", ["\\Seen"]);
  const sink = new MemorySink(startOf(user, { take: "unseen", startAt: new Date(Date.now() + 5_000) }));
  await using rig = followed(sink);
  await until(() => sink.start.position.watermark === 1);
  sink.window = { since: new Date(Date.now() - 3_600_000), until: new Date(Date.now() + 1_000) };
  rig.follower.wake();
  await rig.takes("past");
  await until(() => sink.window === undefined);
});

test("refused credentials are told of once and not tried again, until the settings change", async () => {
  const user = someUser();
  const sink = new MemorySink(startOf(user, { login: { kind: "password", user, pass: "wrong" } }));
  await using rig = followed(sink);
  await until(() => sink.troubles.length === 1);
  expect(sink.troubles[0]).toMatchObject({ trouble: { kind: "authentication", code: "AUTHENTICATIONFAILED" } });
  expect(sink.troubles[0]?.retryMs).toBeGreaterThan(60_000);
  rig.follower.wake();
  sink.start = startOf(user);
  await deliver(user, "repaired");
  expect(sink.begins).toHaveLength(1);
  rig.follower.restart();
  await rig.takes("repaired");
});

test("a mailbox that is polled seldom has no connection in between", async () => {
  const user = someUser();
  const sink = new MemorySink(startOf(user, { mode: "poll", pollIntervalMs: 60_000 }));
  await using rig = followed(sink, { keepConnectedMs: 1_000 });
  await until(() => sink.attended === 1);
  await vi.waitFor(async () => expect(await dovecot.connections(user)).toBe(0), waiting);
  await deliver(user, "later");
  rig.follower.wake();
  await rig.takes("later");
});

test("the end leaves no connection behind", async () => {
  const user = someUser();
  const sink = new MemorySink(startOf(user));
  const rig = followed(sink);
  await until(() => sink.attended === 1);
  await rig[Symbol.asyncDispose]();
  await vi.waitFor(async () => expect(await dovecot.connections(user)).toBe(0), waiting);
});
