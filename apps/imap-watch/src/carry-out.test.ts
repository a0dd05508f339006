import assert from "node:assert/strict";
import { openMailbox, type Session } from "@mailfleet/mailbox";
import type { DueAction, MailboxAction } from "@mailfleet/store";
import { type FakeImap, fakeImap } from "@mailfleet/testkit";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Circumstances, carryOut, SpecialFolders } from "./carry-out.ts";

let server: FakeImap;
let session: Session;
beforeEach(async () => {
  server = await fakeImap();
  server.append("Message-ID: <asked@example.net>\r\n\r\nhello\r\n", { flags: ["\\Flagged"] });
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

const due = (
  action: MailboxAction,
  changes: Partial<NonNullable<DueAction["inbound"]>> = {},
  tries = 0,
): DueAction => ({
  id: 1,
  action,
  tries,
  inbound: {
    uid: "inbound",
    messageId: "<asked@example.net>",
    folder: "INBOX",
    uidValidity: server.folder().uidValidity,
    imapUid: 1,
    isElsewhere: false,
    ...changes,
  },
});
const carriedOut = (one: DueAction, { mayAct = () => true, isReconciled = false }: Partial<Circumstances> = {}) =>
  carryOut(session, new SpecialFolders(session), one, {
    mayAct,
    isReconciled,
    readAgain: async (uid) => ({ kind: "again", afterMs: 0, trouble: `message ${uid} is read elsewhere` }),
  });
const look = { kind: "look" } as const;
const append = {
  kind: "append",
  folder: "\\Drafts",
  flags: [],
  messageId: "<answer@example.org>",
  bytes: Buffer.from("Message-ID: <answer@example.org>\r\n\r\nhello\r\n"),
} as const;

test("a look tells the flags, and whether the message is there", async () => {
  expect(await carriedOut(due(look))).toEqual({
    kind: "looked",
    flags: ["\\Flagged"],
    isReplied: false,
    isGone: false,
  });
  expect(await carriedOut(due(look, { imapUid: 2 }))).toMatchObject({ kind: "looked", isGone: true });
});

test.for(["UID FETCH", "UID SEARCH", "LIST", "EXAMINE"])(
  "a server that refuses %s has not said that the message is gone, or unanswered",
  async (at) => {
    server.misbehaves({ at, does: "answer", text: "NO [SERVERBUG] later", times: 1 });
    expect(await carriedOut(due(look))).toMatchObject({ kind: "again" });
    expect(await carriedOut(due(look))).toMatchObject({ kind: "looked", isGone: false });
  },
);

test("after a renumbering a message is gone only where the server finds none with its Message-ID", async () => {
  const old = { uidValidity: 1, imapUid: 40 };
  expect(await carriedOut(due(look, old))).toMatchObject({ kind: "looked", isGone: false });
  expect(await carriedOut(due(look, { ...old, messageId: null }))).toMatchObject({ kind: "again" });
  expect(await carriedOut(due(look, { ...old, messageId: "<gone@example.net>" }))).toMatchObject({ isGone: true });
  server.misbehaves({ at: "UID SEARCH", does: "answer", text: "NO not now", times: 1 });
  expect(await carriedOut(due(look, old))).toMatchObject({ kind: "again" });
  // Sent is open after this, so that the folder is opened anew for the next.
  await carriedOut(due(look, old));
  server.append("Message-ID: <asked@example.net>\r\n\r\nonce more\r\n");
  for (const action of [look, { kind: "flags", add: ["\\Seen"] }, { kind: "move", to: "Done" }] as const) {
    expect(await carriedOut(due(action, old))).toMatchObject({
      kind: "again",
      trouble: expect.stringContaining("AMBIGUOUS"),
    });
  }
});

test("a message without a Message-ID that a look through its whole renumbered folder has not met is given up", async () => {
  const old = { uidValidity: 1, imapUid: 40, messageId: null };
  const flags = { kind: "flags", add: ["\\Answered"] } as const;
  expect(await carriedOut(due(flags, old))).toMatchObject({ kind: "again" });
  expect(await carriedOut(due(flags, old), { isReconciled: true })).toMatchObject({ kind: "given_up" });
  const here = { messageId: null };
  expect(await carriedOut(due(flags, here), { isReconciled: true })).toMatchObject({ kind: "done" });
});

test("a message that was taken where the mailbox pointed before is not looked for here; what has no place is appended", async () => {
  const elsewhere = { isElsewhere: true };
  for (const action of [look, { kind: "flags", add: ["\\Seen"] }, { kind: "move", to: "Done" }] as const) {
    expect(await carriedOut(due(action, elsewhere))).toMatchObject({
      kind: "given_up",
      trouble: expect.stringContaining("was changed"),
    });
  }
  expect(server.folder().messages).toMatchObject([{ flags: new Set(["\\Flagged"]) }]);
  expect(await carriedOut(due(append, elsewhere))).toEqual({ kind: "done" });
});

test("a refusal is tried again until the tries are used up", async () => {
  server.misbehaves({ at: "UID SEARCH", does: "answer", text: "NO not now" });
  expect(await carriedOut(due({ kind: "move", to: "Done" }))).toMatchObject({ kind: "again" });
  expect(await carriedOut(due({ kind: "move", to: "Done" }, {}, 9))).toMatchObject({ kind: "given_up" });
});

test("who may not act any more changes nothing", async () => {
  const never = () => false;
  for (const action of [append, { kind: "flags", add: ["\\Seen"] }, { kind: "move", to: "Done" }] as const) {
    expect(await carriedOut(due(action), { mayAct: never })).toBeUndefined();
  }
  expect(server.commands.filter((command) => /\b(APPEND|STORE|MOVE|COPY)\b/.test(command))).toEqual([]);
  expect(server.folder().messages).toHaveLength(1);
});
