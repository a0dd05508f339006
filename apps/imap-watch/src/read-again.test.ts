import assert from "node:assert/strict";
import { openMailbox, type Session } from "@mailfleet/mailbox";
import { type FakeImap, fakeImap } from "@mailfleet/testkit";
import { afterEach, beforeEach, expect, test } from "vitest";
import { fingerprintOfFound } from "./found-message.ts";
import { type ReadingDeps, readAgain } from "./read-again.ts";

const letter = "Message-ID: <asked@example.net>\r\nFrom: ann@example.net\r\n\r\nhello\r\n";
let server: FakeImap;
let session: Session;
beforeEach(async () => {
  server = await fakeImap();
  server.append(letter);
  const settings = { host: server.host, port: server.port, security: "none", allowClearTextAuth: true } as const;
  const login = { kind: "password", user: server.user, pass: server.password } as const;
  const opened = await openMailbox(settings, login, { folder: "INBOX", mode: "poll", pollIntervalMs: 50 });
  assert(opened.ok);
  session = opened.session;
});
afterEach(async () => {
  session.close();
  await server[Symbol.asyncDispose]();
});

const bytes = Buffer.from(letter);
const whole = { uid: 1, flags: [], arrivedAt: new Date(), sizeBytes: bytes.length, bytes, isWhole: true };
/** Reads the message at `uid` for one that was recorded, as `recorded` says, under "inbound". */
const read = (uid = 1, { recorded = whole, maxContentBytes = 1_000, tries = 0 } = {}) => {
  const print = Buffer.from(fingerprintOfFound(recorded)).toString("hex");
  const known: ReadingDeps["store"]["following"]["known"] = async (_, prints) =>
    new Map(prints.some((one) => Buffer.from(one).toString("hex") === print) ? [[print, "inbound"]] : []);
  const store = { following: { known } as ReadingDeps["store"]["following"] };
  const deps = { store, mailboxUid: 1, maxContentBytes, hold: async (n: number) => void held.push(n) };
  held.length = 0;
  return readAgain(deps, session, { uid, inboundUid: "inbound", tries });
};
const held: number[] = [];

test("what lies there is read whole, in the room that it needs, whether it was recorded whole or not", async () => {
  const fetched = { kind: "fetched", sizeBytes: bytes.length, content: bytes };
  expect(await read()).toEqual(fetched);
  expect(held).toEqual([bytes.length + 1]);
  expect(await read(1, { recorded: { ...whole, bytes: bytes.subarray(0, 60), isWhole: false } })).toEqual(fetched);
});

test("a message that is longer than its server says is read to its end", async () => {
  server.lies({ sizeBytes: 10 });
  expect(await read()).toMatchObject({ kind: "fetched", sizeBytes: bytes.length });
  expect(held).toEqual([11, 1_001]);
});

test("what has gone, is too large, or is another message than was recorded is given up", async () => {
  expect(await read(2)).toMatchObject({ kind: "given_up", trouble: expect.stringContaining("not in the folder") });
  expect(await read(1, { maxContentBytes: 10 })).toMatchObject({
    kind: "given_up",
    trouble: expect.stringContaining("larger"),
  });
  const other = Buffer.from(letter.replace("hello", "howdy"));
  expect(await read(1, { recorded: { ...whole, bytes: other } })).toMatchObject({
    kind: "given_up",
    trouble: expect.stringContaining("not known"),
  });
});

test("a server that will not give it now is asked again, until the tries are used up", async () => {
  server.misbehaves({ at: "UID FETCH", does: "answer", text: "NO [SERVERBUG] later" });
  expect(await read()).toMatchObject({ kind: "again" });
  expect(await read(1, { tries: 9 })).toMatchObject({ kind: "given_up" });
});
