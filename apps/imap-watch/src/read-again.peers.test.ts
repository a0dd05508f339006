import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { Readable } from "node:stream";
import type { InboundMessage } from "@mailfleet/store";
import { fakeImap, type PrivateDovecot, privateDovecot } from "@mailfleet/testkit";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { openWatchRig, type RunningWatcher, type TestMailbox, type WatchRig, waiting } from "./testing/watch-rig.ts";

const user = "reads@example.org";
let dovecot: PrivateDovecot;
let rig: WatchRig;
let watcher: RunningWatcher;
let dataDir: string;
beforeAll(async () => {
  dataDir = await mkdtemp(path.join(tmpdir(), "watch-"));
  dovecot = await privateDovecot([user]);
  rig = await openWatchRig(dovecot, dataDir);
  watcher = rig.watcher();
});
afterAll(async () => {
  await rig?.[Symbol.asyncDispose]();
  await dovecot?.[Symbol.asyncDispose]();
  await rm(dataDir, { recursive: true, force: true });
});

const letter = (id: string, body = "hello") =>
  `From: Ann <ann@example.net>\r\nMessage-ID: <${id}@example.net>\r\nSubject: about ${id}\r\n\r\n${body}\r\n`;
const until = (condition: () => boolean | Promise<boolean>) =>
  vi.waitFor(async () => expect(await condition()).toBe(true), waiting);
const waitsAs = async (uid: string) => {
  const ticket = "select state from mailfleet.answering where inbound_uid = $1";
  return (await rig.store.db.query<{ state: string }>(ticket, [uid]))[0]?.state;
};
const contentOf = async ({ tenantId }: TestMailbox, uid: string) => {
  const content = await rig.store.inbound.content(tenantId, uid);
  if (!content) return undefined;
  const pieces = "bytes" in content ? [content.bytes] : await Readable.from(content.open()).toArray();
  return Buffer.concat(pieces).toString();
};
/** As though their content had not been kept; a worker has found that out. */
const forget = async (...messages: readonly InboundMessage[]) => {
  const uids = messages.map(({ uid }) => uid);
  const { db } = rig.store;
  await db.query("delete from mailfleet.inbound_contents where inbound_uid = any($1)", [uids]);
  await db.query("update mailfleet.inbound set has_content = false, blob_key = null where uid = any($1)", [uids]);
  await db.query("update mailfleet.answering set state = 'looking' where inbound_uid = any($1)", [uids]);
};

test("the content of what ended on arrival is fetched, small or large, and only that message's", async () => {
  const mailbox = await rig.mailbox(user, { take: "all" });
  const body = "0123456789abcdef\r\n".repeat(40_000);
  for (const id of ["small", "moved", "other"]) await dovecot.deliver(user, letter(id));
  await dovecot.deliver(user, letter("big", body));
  const messages = await mailbox.has("small", "big", "moved", "other");
  const [small, big, moved, other] = messages as [InboundMessage, InboundMessage, InboundMessage, InboundMessage];
  await forget(...messages);
  await dovecot.move(user, "INBOX", "Elsewhere", moved.imapUid);
  const place = "update mailfleet.inbound set imap_uid = $2 where uid = $1";
  await rig.store.db.query(place, [other.uid, small.imapUid]);
  for (const message of messages) await mailbox.asks(message, { kind: "fetch" });
  const isMissing = ({ state, reason }: InboundMessage) => state === "failed" && reason === "content_missing";
  const missing = async () => (await mailbox.inbound()).filter(isMissing).map(({ uid }) => uid);
  await until(async () => (await missing()).length === 2);
  expect(new Set(await missing())).toEqual(new Set([moved.uid, other.uid]));
  for (const [{ uid }, text] of [
    [small, "Message-ID: <small@"],
    [big, body],
  ] as const) {
    await until(async () => (await waitsAs(uid)) === "ready");
    expect(await contentOf(mailbox, uid)).toContain(text);
    await until(() => watcher.wakes.filter((wake) => wake === uid).length === 2);
  }
});

test("a message that no connection survives is not fetched for ever", async () => {
  await using server = await fakeImap();
  server.append(letter("deadly"));
  const settings = { host: server.host, port: server.port, startAt: new Date(0).toISOString() };
  const mailbox = await rig.mailbox(server.user, settings, { pass: server.password });
  const messages = await mailbox.has("deadly");
  await forget(...messages);
  server.misbehaves({ at: "UID FETCH", does: "hang_up" });
  const lastTry = `insert into mailfleet.mailbox_actions (tenant_id, mailbox_uid, inbound_uid, kind, tries)
    select tenant_id, mailbox_uid, uid, 'fetch', 9 from mailfleet.inbound where uid = $1`;
  await rig.store.db.query(lastTry, [messages[0]?.uid]);
  await until(async () => (await mailbox.inbound())[0]?.reason === "content_missing");
  expect((await mailbox.inbound())[0]).toMatchObject({ state: "failed", detail: expect.stringMatching(/: /) });
});
