import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { type PrivateDovecot, privateDovecot } from "@mailfleet/testkit";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { openWatchRig, type RunningWatcher, type WatchRig, waiting } from "./testing/watch-rig.ts";

let dovecot: PrivateDovecot;
let rig: WatchRig;
let watcher: RunningWatcher;
let dataDir: string;
let names = 0;
const users = Array.from({ length: 40 }, (_, n) => `user${n}@example.org`);
beforeAll(async () => {
  dataDir = await mkdtemp(path.join(tmpdir(), "watch-"));
  dovecot = await privateDovecot([...users, { address: "token@example.org", accessToken: "right-token" }]);
  rig = await openWatchRig(dovecot, dataDir);
  watcher = rig.watcher();
});
afterAll(async () => {
  await rig?.[Symbol.asyncDispose]();
  await dovecot?.[Symbol.asyncDispose]();
  await rm(dataDir, { recursive: true, force: true });
});

const someUser = () => users[names++] as string;
const letter = (id: string, body = "hello") =>
  `From: Ann <ann@example.net>\r\nMessage-ID: <${id}@example.net>\r\nSubject: about ${id}\r\n\r\n${body}\r\n`;
const deliver = (user: string, ...ids: string[]) =>
  ids.reduce((before, id) => before.then(() => dovecot.deliver(user, letter(id))), Promise.resolve());
const until = (condition: () => boolean | Promise<boolean>) =>
  vi.waitFor(async () => expect(await condition()).toBe(true), waiting);

test("what arrives is recorded once, with its content, and somebody is asked to answer it", async () => {
  const user = someUser();
  const mailbox = await rig.mailbox(user);
  const { following, capabilities } = await mailbox.is("following");
  expect(following).toBe("idle");
  expect(capabilities).toContain("IDLE");
  await deliver(user, "first");
  const [first] = await mailbox.has("first");
  expect(first).toMatchObject({ state: "pending", headerFrom: "ann@example.net", subject: "about first", imapUid: 1 });
  const content = await rig.store.inbound.content(mailbox.tenantId, first?.uid ?? "");
  expect(content && "bytes" in content && Buffer.from(content.bytes).toString()).toContain("Message-ID: <first@");
  await until(() => watcher.wakes.includes(first?.uid ?? ""));
  const after = await mailbox.read();
  expect(after).toMatchObject({ watermark: 1, waiting: 1 });
  expect(after.completeAt?.getTime()).toBeGreaterThan(after.createdAt.getTime());
});

test("a message that is moved out and back is the same message, at another place", async () => {
  const user = someUser();
  const mailbox = await rig.mailbox(user);
  await deliver(user, "travels");
  await mailbox.has("travels");
  await dovecot.move(user, "INBOX", "Elsewhere", 1);
  await dovecot.move(user, "Elsewhere", "INBOX", 1);
  await until(async () => (await mailbox.inbound())[0]?.imapUid === 2);
  await mailbox.has("travels");
});

test("large content lies in the blob store, and what is too large is recorded without", async () => {
  const user = someUser();
  const mailbox = await rig.mailbox(user);
  const body = "0123456789abcdef\r\n".repeat(40_000);
  await dovecot.deliver(user, letter("large", body));
  const [large] = await mailbox.has("large");
  const content = await rig.store.inbound.content(mailbox.tenantId, large?.uid ?? "");
  expect(content && "open" in content).toBe(true);
  expect(large?.sizeBytes).toBeGreaterThan(body.length);
});

test("a mailbox of role notify is noted, and nobody is asked to answer", async () => {
  const user = someUser();
  const mailbox = await rig.mailbox(user, { role: "notify" });
  await deliver(user, "noted");
  const [noted] = await mailbox.has("noted");
  expect(noted).toMatchObject({ state: "skipped", reason: "role_notify" });
  expect(watcher.wakes).not.toContain(noted?.uid);
});

describe("what is to be done in a mailbox", () => {
  test("is done: flags, an append, a move", async () => {
    const user = someUser();
    const mailbox = await rig.mailbox(user);
    await deliver(user, "answered");
    const [message] = await mailbox.has("answered");
    if (!message) throw new Error("not recorded");
    await mailbox.asks(
      message,
      { kind: "flags", add: ["\\Answered", "\\Seen"] },
      {
        kind: "append",
        folder: "\\Sent",
        flags: ["\\Seen"],
        messageId: "<re@example.org>",
        bytes: Buffer.from(letter("re").replace("re@example.net", "re@example.org")),
      },
      { kind: "move", to: "Done" },
    );
    await until(async () => (await dovecot.messages(user, "Done").catch(() => [])).length === 1);
    const [moved] = await dovecot.messages(user, "Done");
    expect(moved?.flags.toSorted()).toEqual(["\\Answered", "\\Seen"]);
    expect(await dovecot.messages(user, "Sent")).toMatchObject([{ messageId: "<re@example.org>" }]);
    await until(async () => {
      const story = await rig.store.inbound.get(mailbox.tenantId, message.uid);
      return story?.actions.every(({ doneAt }) => doneAt !== null) ?? false;
    });
  });

  test("a look tells whether a person was faster", async () => {
    const user = someUser();
    const mailbox = await rig.mailbox(user);
    await deliver(user, "slow");
    const [message] = await mailbox.has("slow");
    if (!message) throw new Error("not recorded");
    await dovecot.save(user, "Sent", `In-Reply-To: <slow@example.net>\r\n${letter("reply")}`);
    await dovecot.setFlags(user, "INBOX", 1, "add", ["\\Seen"]);
    const ticket = "update mailfleet.answering set state = 'looking' where inbound_uid = $1";
    await rig.store.db.query(ticket, [message.uid]);
    await mailbox.asks(message, { kind: "look" });
    await until(async () => (await mailbox.inbound())[0]?.flags.includes("\\Answered") ?? false);
    expect((await mailbox.inbound())[0]?.flags).toContain("\\Seen");
    const [row] = await rig.store.db.query<{ state: string }>(
      "select state from mailfleet.answering where inbound_uid = $1",
      [message.uid],
    );
    expect(row?.state).toBe("ready");
  });

  test("what cannot be done is given up with its reason", async () => {
    const user = someUser();
    const mailbox = await rig.mailbox(user);
    await deliver(user, "vanishes");
    const [message] = await mailbox.has("vanishes");
    if (!message) throw new Error("not recorded");
    await dovecot.expunge(user, "INBOX", 1);
    await mailbox.asks(message, { kind: "move", to: "Done" });
    await until(async () => {
      const story = await rig.store.inbound.get(mailbox.tenantId, message.uid);
      return story?.actions[0]?.givenUp ?? false;
    });
  });
});

describe("a mailbox's settings", () => {
  test("wrong credentials quarantine it with the server's words, and the right ones heal it at once", async () => {
    const user = someUser();
    const mailbox = await rig.mailbox(user, {}, { pass: "wrong" });
    const quarantined = await mailbox.is("quarantined");
    expect(quarantined).toMatchObject({
      reason: "authentication",
      detail: expect.stringContaining("AUTHENTICATIONFAILED"),
    });
    expect(quarantined.retryAt?.getTime()).toBeGreaterThan(Date.now() + 30_000);
    await mailbox.put({}, { pass: dovecot.password });
    await deliver(user, "healed");
    await mailbox.has("healed");
    expect(await mailbox.is("following")).toMatchObject({ reason: null, retryAt: null });
  });

  test("that change are heeded, with a new connection", async () => {
    const user = someUser();
    await dovecot.createFolder(user, "Orders");
    const mailbox = await rig.mailbox(user);
    await mailbox.is("following");
    await mailbox.put({ folder: "Orders" });
    await until(async () => (await mailbox.read()).watermark === 0);
    await dovecot.save(user, "Orders", letter("ordered"));
    const [ordered] = await mailbox.has("ordered");
    expect(ordered).toMatchObject({ folder: "Orders" });
  });

  test("a folder that is not there makes it unreachable, and says so", async () => {
    const mailbox = await rig.mailbox(someUser(), { folder: "Nowhere" });
    expect(await mailbox.is("unreachable")).toMatchObject({ reason: "folder_missing" });
  });

  test("a server without IDLE, or a mailbox that wants it so, is polled", async () => {
    const user = someUser();
    const mailbox = await rig.mailbox(user, { mode: "poll" });
    expect(await mailbox.is("following")).toMatchObject({ following: "poll" });
    await deliver(user, "polled");
    await mailbox.has("polled");
  });
});

test("a suspended tenant's mailboxes are left, and followed again from where they were", async () => {
  const user = someUser();
  const mailbox = await rig.mailbox(user);
  await mailbox.is("following");
  await rig.store.tenants.suspend(mailbox.tenantId);
  await mailbox.is("suspended");
  await vi.waitFor(async () => expect(await dovecot.connections(user)).toBe(0), waiting);
  await deliver(user, "meanwhile");
  await rig.store.tenants.activate(mailbox.tenantId);
  await mailbox.has("meanwhile");
});

test("after a UIDVALIDITY reset with many unknown messages the mailbox waits for a person's word", async () => {
  const user = someUser();
  const mailbox = await rig.mailbox(user, { take: "all" });
  await deliver(user, "known");
  await mailbox.has("known");
  await rig.store.tenants.suspend(mailbox.tenantId);
  await mailbox.is("suspended");
  const strangers = Array.from({ length: 21 }, (_, n) => `stranger-${n}`);
  await deliver(user, ...strangers);
  await dovecot.resetUidValidity(user, "INBOX");
  await rig.store.tenants.activate(mailbox.tenantId);
  expect(await mailbox.is("paused")).toMatchObject({
    reason: "uidvalidity_changed",
    detail: expect.stringContaining("21"),
  });
  await mailbox.has("known");
  expect(await rig.store.mailboxes.resume(mailbox.tenantId, "box", "answer")).toBe(true);
  await mailbox.has("known", ...strangers);
  expect(await mailbox.is("following")).toMatchObject({
    reason: null,
    uidValidity: (await dovecot.status(user)).uidValidity,
  });
});

test("what was skipped after a renumbering is taken up by a look through its window, be it asked for at once", async () => {
  const user = someUser();
  const mailbox = await rig.mailbox(user, { take: "all" });
  await mailbox.is("following");
  await rig.store.tenants.suspend(mailbox.tenantId);
  await mailbox.is("suspended");
  const strangers = Array.from({ length: 21 }, (_, n) => `unknown-${n}`);
  await deliver(user, ...strangers);
  await dovecot.resetUidValidity(user, "INBOX");
  await rig.store.tenants.activate(mailbox.tenantId);
  await mailbox.is("paused");
  await rig.store.mailboxes.resume(mailbox.tenantId, "box", "skip");
  await rig.store.mailboxes.backfill(mailbox.tenantId, "box", { since: new Date(Date.now() - 3_600_000) });
  await until(async () => (await mailbox.inbound()).filter(({ state }) => state === "pending").length === 21);
  expect(await mailbox.has(...strangers)).toHaveLength(21);
});

test("a window of the past is looked through on request, and then no more", async () => {
  const user = someUser();
  await deliver(user, "past");
  const mailbox = await rig.mailbox(user, { startAt: new Date(Date.now() + 60_000).toISOString() });
  await mailbox.is("following");
  await mailbox.has();
  await rig.store.mailboxes.backfill(mailbox.tenantId, "box", { since: new Date(Date.now() - 3_600_000) });
  const [past] = await mailbox.has("past");
  expect(past).toMatchObject({ state: "pending" });
  await until(async () => (await mailbox.read()).backfill?.endedAt instanceof Date);
  await until(() => watcher.events("backfilled").some(({ tenantId }) => tenantId === mailbox.tenantId));
});

test("while a tenant's answers wait beyond the limit, its mail stays unseen in the mailbox", async () => {
  const user = someUser();
  const full = await openWatchRig(dovecot);
  try {
    full.watcher({ maxWaitingPerTenant: 1 });
    const mailbox = await full.mailbox(user);
    await deliver(user, "one");
    const [one] = await mailbox.has("one");
    // The watcher looks at what waits once a second; until then it would take more.
    const seen = "select count(*)::int as n from mailfleet.answering";
    expect(await full.store.db.query(seen)).toEqual([{ n: 1 }]);
    await vi.waitFor(async () => {
      await deliver(user, `more-${Date.now()}`);
      const recorded = (await mailbox.inbound()).length;
      expect((await dovecot.messages(user)).length).toBeGreaterThan(recorded + 2);
    }, waiting);
    expect((await dovecot.messages(user)).some(({ flags }) => flags.includes("\\Seen"))).toBe(false);
    await full.store.db.query("delete from mailfleet.answering where inbound_uid <> $1", [one?.uid]);
    await full.store.db.query("delete from mailfleet.answering where inbound_uid = $1", [one?.uid]);
    const before = (await mailbox.inbound()).length;
    await until(async () => (await mailbox.inbound()).length > before);
  } finally {
    await full[Symbol.asyncDispose]();
  }
});

test("somebody who asks for verification is told what the server can do, or why not", async () => {
  const good = await rig.mailbox(someUser());
  const bad = await rig.mailbox(someUser(), { allowClearTextAuth: false });
  const verify = async (tenantId: string, mailboxUid: number) => {
    const question = await rig.store.questions.ask("verify", { tenantId, mailboxUid });
    return rig.store.questions.answerTo(question, AbortSignal.timeout(10_000));
  };
  expect(await verify(good.tenantId, (await good.read()).uid)).toMatchObject({
    ok: true,
    following: "idle",
    sentFolder: "Sent",
  });
  expect(await verify(bad.tenantId, (await bad.read()).uid)).toMatchObject({ ok: false, code: "unsupported" });
});

test("an access token is refreshed once, and anew where the server refuses it", async () => {
  const asked: string[] = [];
  const tokens = ["stale-token", "right-token"];
  const issuer = createServer((request, response) => {
    request.on("data", (chunk) => asked.push(String(chunk)));
    request.on("end", () => {
      response.setHeader("content-type", "application/json");
      const access_token = tokens.shift() ?? "right-token";
      response.end(JSON.stringify({ access_token, expires_in: 3_600, refresh_token: "next-refresh" }));
    });
  });
  await new Promise<void>((resolve) => issuer.listen(0, "127.0.0.1", resolve));
  try {
    const { port } = issuer.address() as AddressInfo;
    const auth = {
      kind: "oauth2",
      user: "token@example.org",
      tokenUrl: `http://127.0.0.1:${port}/`,
      clientId: "us",
      grant: "refresh_token",
    } as const;
    const secrets = { clientSecret: "secret", refreshToken: "first-refresh" };
    const mailbox = await rig.mailbox("token@example.org", { auth }, secrets);
    await mailbox.is("quarantined");
    await rig.store.tenants.suspend(mailbox.tenantId);
    await mailbox.is("suspended");
    // From here on the token that is stored is one that the server has withdrawn.
    await rig.store.tenants.activate(mailbox.tenantId);
    await mailbox.is("following");
    const used = asked.map((form) => new URLSearchParams(form).get("refresh_token"));
    expect(used).toEqual(["first-refresh", "next-refresh"]);
  } finally {
    issuer.close();
  }
});

test("a mailbox that is deleted is left", async () => {
  const user = someUser();
  const mailbox = await rig.mailbox(user);
  await mailbox.is("following");
  await rig.store.mailboxes.delete(mailbox.tenantId, "box");
  await deliver(user, "too-late");
  await vi.waitFor(async () => expect(await dovecot.connections(user)).toBe(0), waiting);
});
