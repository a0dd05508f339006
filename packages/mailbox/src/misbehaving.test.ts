import assert from "node:assert/strict";
import { allAbilities, type FakeImap, fakeImap, type ImapFault } from "@mailfleet/testkit";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { follow } from "./follow.ts";
import type { Login } from "./line.ts";
import { openMailbox, type Session } from "./session.ts";
import type { Start } from "./sink.ts";
import { MemorySink } from "./testing/memory-sink.ts";

let server: FakeImap;
beforeEach(async () => {
  server = await fakeImap();
});
afterEach(() => server[Symbol.asyncDispose]());

const timeLimits = {
  connectMs: 500,
  greetingMs: 150,
  loginMs: 150,
  commandMs: 300,
  contentMs: 300,
  doneMs: 100,
  logoutMs: 50,
};
const letter = (id: string, body = "hello") => `Message-ID: <${id}@example.net>\r\nSubject: ${id}\r\n\r\n${body}\r\n`;
const login = (): Login => ({ kind: "password", user: server.user, pass: server.password });
const at = () => ({ host: server.host, port: server.port, security: "none", allowClearTextAuth: true }) as const;

async function tried() {
  const result = await openMailbox(at(), login(), { folder: "INBOX", mode: "idle", pollIntervalMs: 50, timeLimits });
  if (result.ok) await result.session[Symbol.asyncDispose]();
  return result;
}

const startOf = (over: Partial<Start> = {}): Start => ({
  server: at(),
  login: login(),
  folder: "INBOX",
  mode: "idle",
  pollIntervalMs: 30,
  take: "all",
  maxAgeMs: 259_200_000,
  startAt: new Date(Date.now() - 60_000),
  position: { uidValidity: null, watermark: null, modseq: null, reconciledAt: null, resume: null },
  maxContentBytes: 1_000_000,
  timeLimits,
  ...over,
});

function followed(sink: MemorySink, limits = {}) {
  const ending = new AbortController();
  // All that full jitter takes off is taken off.
  const { ended } = follow(sink, { signal: ending.signal, random: () => 0.999, limits: { sinkRetryMs: 5, ...limits } });
  return {
    takes: (...ids: string[]) =>
      vi.waitFor(() => expect(sink.ids.toSorted()).toEqual(ids.toSorted()), { timeout: 10_000, interval: 5 }),
    async [Symbol.asyncDispose]() {
      ending.abort();
      await ended;
    },
  };
}

const until = (condition: () => boolean) => vi.waitFor(() => assert(condition()), { timeout: 10_000, interval: 5 });

const troubles = [
  ["silence instead of a greeting", { at: "GREETING", does: "stall" }, "unreachable"],
  ["BYE instead of a greeting", { at: "GREETING", does: "bye", text: "too many connections" }, "unreachable"],
  ["a refused login", { at: "LOGIN", does: "answer", text: "NO [AUTHENTICATIONFAILED] no" }, "authentication"],
  ["a refused login without a code", { at: "LOGIN", does: "answer", text: "NO go away" }, "authentication"],
  ["a directory that is away", { at: "LOGIN", does: "answer", text: "NO [UNAVAILABLE] later" }, "unreachable"],
  ["too many connections of one user", { at: "LOGIN", does: "answer", text: "NO [LIMIT] too many" }, "throttled"],
  ["a mailbox in use", { at: "LOGIN", does: "answer", text: "NO [INUSE] locked" }, "throttled"],
  ["an end in the middle of the login", { at: "LOGIN", does: "hang_up" }, "unreachable"],
  ["BYE in the middle of the login", { at: "LOGIN", does: "bye", text: "going down" }, "unreachable"],
  ["silence in the middle of the login", { at: "LOGIN", does: "stall" }, "unreachable"],
  ["silence when the folder is opened", { at: "SELECT", does: "stall" }, "unreachable"],
  ["an end when the folder is opened", { at: "SELECT", does: "hang_up" }, "unreachable"],
  ["a folder that is locked", { at: "SELECT", does: "answer", text: "NO [INUSE] locked" }, "unreachable"],
  ["a folder that we may not open", { at: "SELECT", does: "answer", text: "NO [NOPERM] no" }, "folder_missing"],
] as const satisfies readonly (readonly [string, ImapFault, string])[];

test.for(troubles)(
  "%s is told as a value, within the time limits, and leaves nothing open",
  async ([, fault, kind]) => {
    server.misbehaves(fault);
    expect(await tried()).toMatchObject({ ok: false, trouble: { kind } });
    await until(() => server.connections === 0);
    server.behaves();
    expect(await tried()).toMatchObject({ ok: true });
  },
);

const moments = ["GREETING", "LOGIN", "SELECT", "UID SEARCH", "UID FETCH", "IDLE", "DONE"] as const;
const ways = ["hang_up", "stall", "bye"] as const;

describe.for(ways)("%s", (does) => {
  test.for(moments)("at %s loses nothing and doubles nothing", async (moment) => {
    server.append(letter("before"));
    const sink = new MemorySink(startOf({ timeLimits: { ...timeLimits, idleMs: 50 } }));
    server.misbehaves({ at: moment, does, times: 1 });
    await using watch = followed(sink);
    await watch.takes("before");
    server.append(letter("after"));
    await watch.takes("before", "after");
    await until(() => sink.start.position.watermark === 2);
    expect(sink.errors).toEqual([]);
  });
});

test("a server that is asked too much of is left in peace", async () => {
  server.misbehaves({ at: "LOGIN", does: "answer", text: "NO [LIMIT] too many" });
  const sink = new MemorySink(startOf());
  await using _watch = followed(sink);
  await until(() => sink.troubles.length === 1);
  expect(sink.troubles[0]?.retryMs).toBeGreaterThan(5_000);
  expect(server.logins.tried).toBe(1);
});

test("a connection that is dead in IDLE is found out, and another takes its place", async () => {
  const sink = new MemorySink(startOf({ timeLimits: { ...timeLimits, idleMs: 60 } }));
  await using watch = followed(sink);
  await server.idling();
  server.misbehaves({ at: "DONE", does: "stall", times: 1 });
  await until(() => sink.troubles.length === 1);
  expect(sink.troubles[0]?.trouble).toMatchObject({ kind: "unreachable", code: "TIMEOUT" });
  server.append(letter("later"));
  await watch.takes("later");
});

test("a server that never tells of news in IDLE is looked at all the same, before its folder is called complete", async () => {
  const sink = new MemorySink(startOf());
  server.lies({ isSilentInIdle: true });
  await using watch = followed(sink, { completeMs: 200 });
  await server.idling();
  server.append(letter("untold"));
  await watch.takes("untold");
  expect(sink.start.position.watermark).toBe(1);
});

describe("a server that lacks", () => {
  const without = (...lacks: string[]) => server.setAbilities(allAbilities.filter((name) => !lacks.includes(name)));

  test("IDLE is polled", async () => {
    without("IDLE");
    const sink = new MemorySink(startOf());
    await using watch = followed(sink);
    await until(() => sink.attended === 1);
    server.append(letter("polled"));
    await watch.takes("polled");
    expect(server.commands.some((command) => /\bIDLE\b/.test(command))).toBe(false);
  });

  test("IDLE, although it says it has it, is polled", async () => {
    server.misbehaves({ at: "IDLE", does: "answer", text: "NO not today" });
    const sink = new MemorySink(startOf());
    await using watch = followed(sink);
    await until(() => sink.attended === 1);
    server.append(letter("polled"));
    await watch.takes("polled");
  });

  test("the patience for IDLE, and ends each at once, is polled", async () => {
    server.misbehaves({ at: "IDLE", does: "answer", text: "OK enough" });
    await using watch = followed(new MemorySink(startOf()));
    await server.heard(/NOOP/, 12);
    expect(server.commands.filter((command) => /IDLE/.test(command))).toHaveLength(5);
    server.append(letter("polled"));
    await watch.takes("polled");
  });

  async function movedWithout(...lacks: string[]) {
    without(...lacks);
    server.append(letter("mine"));
    server.append(letter("theirs"), { flags: ["\\Deleted"] });
    const result = await openMailbox(at(), login(), { folder: "INBOX", mode: "idle", pollIntervalMs: 50, timeLimits });
    assert(result.ok);
    await using session: Session = result.session;
    const options = { messageId: "<mine@example.net>" };
    expect(await session.move(1, "Done", options)).toEqual({ kind: "done" });
    await session.move(1, "Done", options);
    expect(server.folder("Done").messages).toHaveLength(1);
    return server.folder().messages.map(({ uid, flags }) => [uid, flags.has("\\Deleted")]);
  }

  test("MOVE has messages copied and expunged, by their UID alone", async () => {
    expect(await movedWithout("MOVE")).toEqual([[2, true]]);
  });

  test("UIDPLUS too keeps what others have marked: ours stays, marked as deleted", async () => {
    expect(await movedWithout("MOVE", "UIDPLUS")).toEqual([
      [1, true],
      [2, true],
    ]);
  });
});

describe("a server that lies about", () => {
  test.for([
    ["UIDNEXT, too low", { uidNext: 1 }],
    ["UIDNEXT, too high", { uidNext: 4_000 }],
    ["UIDNEXT, by leaving it out", { uidNext: null }],
    ["how many messages there are", { exists: 400 }],
  ] as const)("%s loses nothing and doubles nothing", async ([, lies]) => {
    server.lies(lies);
    server.append(letter("one"));
    const sink = new MemorySink(startOf());
    {
      await using watch = followed(sink);
      await watch.takes("one");
      server.append(letter("two"));
      await watch.takes("one", "two");
    }
    server.append(letter("three"));
    await using watch = followed(sink);
    await watch.takes("one", "two", "three");
  });

  test("what there is to fetch is caught later", async () => {
    server.lies({ unfetched: [1] });
    server.append(letter("hidden"));
    server.append(letter("shown"));
    const sink = new MemorySink(startOf());
    await using watch = followed(sink, { reconcileMs: 100 });
    await watch.takes("shown");
    server.lies({});
    await watch.takes("shown", "hidden");
  });
});

test("what others expunge while it is read is left out, and its neighbours are taken", async () => {
  for (const id of ["one", "two", "three"]) server.append(letter(id));
  server.misbehaves({ at: "UID FETCH", does: "expunge", uids: [2], times: 1 });
  const sink = new MemorySink(startOf());
  await using watch = followed(sink);
  await watch.takes("one", "three");
  await until(() => sink.start.position.watermark === 3);
});

test("a message that breaks every connection on which it is read is given up, and what comes after it is taken", async () => {
  server.append(letter("deadly"));
  server.lies({ literalBytes: 17_000_000, ignoresPartial: true });
  const sink = new MemorySink(startOf());
  await using watch = followed(sink);
  // What stands for it is all that is known of it: its place.
  const place = `${server.folder().uidValidity}/1`;
  await watch.takes(place);
  expect(sink.troubles.map(({ trouble }) => trouble.code)).toEqual(["LiteralTooLarge", "LiteralTooLarge"]);
  server.lies({});
  server.append(letter("next"));
  await watch.takes(place, "next");
});

test("a server that gives whole contents where a part is asked for is understood", async () => {
  server.lies({ ignoresPartial: true });
  const sink = new MemorySink(startOf());
  await using watch = followed(sink);
  server.append(letter("large", "0123456789abcdef\r\n".repeat(30_000)));
  await watch.takes("large");
  expect(sink.recorded[0]?.sizeBytes).toBe(server.folder().messages[0]?.content.length);
});

test("a large message that was read is recorded once the database is back, without being read again", async () => {
  const sink = new MemorySink(startOf());
  await using watch = followed(sink);
  await until(() => sink.attended === 1);
  const content = letter("large", "0123456789abcdef\r\n".repeat(30_000));
  sink.refusesContent = 2;
  server.append(content);
  await watch.takes("large");
  expect(sink.refusesContent).toBe(0);
  expect(sink.recorded[0]?.sizeBytes).toBe(content.length);
  expect(server.commands.filter((command) => /FETCH 1 .*<262144/.test(command))).toHaveLength(1);
  await until(() => sink.start.position.watermark === 1);
});

test("what a window, or a person's word, was for is done only when its large messages are recorded too", async () => {
  const { uidValidity } = server.folder();
  const asked = { uidValidity, watermark: 0, modseq: null, reconciledAt: null, resume: "skip" } as const;
  const sink = new MemorySink(startOf({ position: asked }));
  server.append(letter("large", "0123456789abcdef\r\n".repeat(30_000)));
  server.append(letter("small"));
  // The second connection, over which the large one is read.
  server.misbehaves({ at: "LOGIN", does: "hang_up", aboveConnections: 1 });
  {
    await using watch = followed(sink);
    await watch.takes("small");
    await until(() => sink.errors.length > 0);
    expect(sink.start.position).toMatchObject({ watermark: 0, resume: "skip" });
    expect(sink.progress.some(({ completeAt, resumeDone }) => completeAt || resumeDone)).toBe(false);
  }
  server.behaves();
  await using watch = followed(sink);
  await watch.takes("small", "large");
  expect(sink.recorded.map(({ asSkipped }) => asSkipped)).toEqual(["before_start", "before_start"]);
  await until(() => sink.start.position.resume === null && sink.start.position.watermark === 2);
});

test("what arrives after the folder was listed is not claimed to be there", async () => {
  server.append(letter("listed"));
  const sink = new MemorySink(startOf());
  let now = Date.now();
  sink.nowMs = () => now;
  let lateAt = 0;
  const reserve = sink.reserve.bind(sink);
  sink.reserve = (bytes) => {
    now += 1_000;
    if (lateAt === 0) server.append(letter("late"));
    lateAt ||= now;
    return reserve(bytes);
  };
  await using watch = followed(sink);
  await watch.takes("listed", "late");
  const [early, all] = sink.progress.flatMap(({ completeAt }) => completeAt?.getTime() ?? []);
  expect(early).toBeLessThan(lateAt);
  expect(all).toBeGreaterThanOrEqual(lateAt);
});

test("a server that trickles a large message is left after the time that all of it may take", async () => {
  const slow = { ...timeLimits, contentMs: 10_000, downloadMs: 60 };
  const sink = new MemorySink(startOf({ timeLimits: slow }));
  server.append(letter("large", "0123456789abcdef\r\n".repeat(30_000)));
  server.misbehaves({ at: "UID FETCH", does: "stall", aboveConnections: 1, times: 1 });
  await using _watch = followed(sink);
  await until(() => sink.errors.length === 1);
  expect(String(sink.errors[0])).toContain("TIMEOUT");
});

test("room is held for what may be read of a large message, and for all of it before more than the server said is read", async () => {
  const sink = new MemorySink(startOf());
  await using watch = followed(sink);
  const content = letter("large", "0123456789abcdef\r\n".repeat(30_000));
  server.append(content);
  await watch.takes("large");
  expect(sink.reserved.at(-1)).toBe(content.length + 1);
  server.lies({ sizeBytes: 300_000 });
  server.append(content.replace("large", "larger"));
  await watch.takes("large", "larger");
  expect(sink.reserved.slice(-2)).toEqual([300_001, 1_000_001]);
  expect(sink.recorded[1]?.sizeBytes).toBe(content.length + 1);
});
