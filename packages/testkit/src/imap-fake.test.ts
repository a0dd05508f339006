import assert from "node:assert/strict";
import { describe, test } from "vitest";
import { openImapClient } from "./imap-client.ts";
import { type FakeImap, fakeImap } from "./imap-fake.ts";

const letter = (id: string, body = "Hello") =>
  `From: Bob <bob@b.test>\nMessage-ID: <${id}>\nSubject: ${id}\n\n${body}\n`;

async function login(server: FakeImap, folder?: string) {
  const client = await openImapClient({ port: server.port });
  await client.done(`LOGIN ${server.user} ${server.password}`);
  if (folder) await client.done(`SELECT ${folder}`);
  return client;
}

async function stocked(...ids: string[]) {
  const server = await fakeImap();
  for (const id of ids) server.append(letter(id));
  return server;
}

describe("the fake IMAP server behaves", () => {
  test("it logs in by LOGIN, PLAIN and XOAUTH2, refuses wrong secrets with a code, and counts", async () => {
    await using server = await fakeImap();
    const base64 = (text: string) => Buffer.from(text).toString("base64");
    const plain = base64(`\0${server.user}\0${server.password}`);
    const token = (secret: string) => base64(`user=${server.user}\u0001auth=Bearer ${secret}\u0001\u0001`);
    const tries = [
      [`LOGIN ${server.user} ${server.password}`, "OK"],
      [`LOGIN ${server.user} "wrong"`, "NO"],
      [`AUTHENTICATE PLAIN ${plain}`, "OK"],
      ["AUTHENTICATE PLAIN", "OK"],
      [`AUTHENTICATE XOAUTH2 ${token(server.password)}`, "OK"],
      [`AUTHENTICATE XOAUTH2 ${token("old")}`, "NO"],
    ] as const;
    for (const [command, expected] of tries) {
      await using client = await openImapClient({ port: server.port });
      const { status, text } = await client.say(command, command.endsWith("PLAIN") ? plain : undefined);
      assert.equal(status, expected, command);
      if (status === "NO") assert.match(text, /^\[AUTHENTICATIONFAILED\]/);
    }
    assert.deepEqual(server.logins, { tried: 6, succeeded: 4 });
    assert(server.commands.every((command) => !command.includes(server.password)));
  });

  test("it finds, fetches, flags, copies, moves and expunges by UID", async () => {
    await using server = await stocked("one@x", "two@x", "three@x");
    await using client = await login(server, "INBOX");
    const found = (await client.done('UID SEARCH UNSEEN UID 1:* FROM bob@b.test NOT DELETED SUBJECT "two@x"')).join();
    assert.equal(found, "SEARCH 2");
    const [fetched] = await client.done(
      "UID FETCH 2 (UID FLAGS BODY.PEEK[HEADER.FIELDS (message-id)] BODY.PEEK[]<0.5>)",
    );
    assert.match(
      fetched ?? "",
      /^2 FETCH \(UID 2 FLAGS \(\) BODY\[.*\] \{23\}\r\nMessage-ID: <two@x>\r\n\r\n BODY\[\]<0> \{5\}\r\nFrom:\)$/s,
    );
    assert.deepEqual(await client.done("UID STORE 2 +FLAGS (\\Answered)"), ["2 FETCH (UID 2 FLAGS (\\Answered))"]);
    const moved = await client.done("UID MOVE 2 Trash");
    assert.deepEqual(moved, ["OK [COPYUID 1700000000 2 1] moved", "2 EXPUNGE"]);
    await client.done("UID STORE 1,3 +FLAGS.SILENT (\\Deleted)");
    assert.deepEqual(await client.done("UID EXPUNGE 3"), ["2 EXPUNGE"]);
    assert.deepEqual(
      server.folder().messages.map(({ uid }) => uid),
      [1],
    );
    assert.deepEqual([...(server.folder("Trash").messages[0]?.flags ?? [])], ["\\Answered"]);
  });

  test("it appends with a literal, and says where", async () => {
    await using server = await fakeImap();
    await using client = await login(server);
    const { text } = await client.append("Sent", letter("sent@x", "{5}\r\nnot a literal"), ["\\Seen"]);
    assert.match(text, /^\[APPENDUID 1700000000 1\]/);
    assert.match(server.folder("Sent").messages[0]?.content ?? "", /\{5\}\r\nnot a literal\r\n$/);
    assert.match((await client.append("Nowhere", letter("x"))).text, /^\[TRYCREATE\]/);
  });

  test("an idling client hears of what others do, and a busy one with its next command", async () => {
    await using server = await stocked("one@x", "two@x");
    await using idle = await login(server, "INBOX");
    await using busy = await login(server, "INBOX");
    await idle.idle();
    await server.idling();
    server.append(letter("three@x"));
    server.folder().expunge([1]);
    server.folder().setFlags(2, ["\\Seen"]);
    for (const news of [/^3 EXISTS/, /^1 EXPUNGE/, /^1 FETCH \(UID 2 FLAGS \(\\Seen\)\)/]) await idle.hears(news);
    assert.equal((await idle.endIdle()).status, "OK");
    assert.deepEqual(await busy.done("NOOP"), ["1 EXPUNGE", "2 EXISTS", "1 FETCH (UID 2 FLAGS (\\Seen))"]);
  });

  test("a renumbered folder ends connections, and has another UIDVALIDITY and UIDs from 1", async () => {
    await using server = await stocked("one@x", "two@x");
    server.folder().expunge([1]);
    await using client = await login(server, "INBOX");
    server.resetUidValidity();
    await client.closed;
    await using next = await login(server);
    assert.match((await next.done("SELECT INBOX")).join("\n"), /UIDVALIDITY 1700000001.*\n.*UIDNEXT 2/);
  });
});

describe("the fake IMAP server misbehaves", () => {
  test("without an ability it neither announces nor knows the command", async () => {
    await using server = await fakeImap({ abilities: [] });
    server.append(letter("one@x"));
    await using client = await login(server, "INBOX");
    assert.equal(client.greeting, "OK [CAPABILITY IMAP4rev1] fake");
    assert.equal((await client.say("UID MOVE 1 Trash")).status, "BAD");
    await assert.rejects(client.idle(), /BAD/);
    assert.equal((await client.say("UID COPY 1 Trash")).text, "done");
    assert.doesNotMatch((await client.done('LIST "" "*"')).join(), /\\Trash/);
  });

  const refusals = [
    [{ at: "LOGIN", does: "answer", text: "NO [THROTTLED] slow down", times: 1 }, /^NO \[THROTTLED\]/],
    [{ at: "LOGIN", does: "bye", text: "too many logins", times: 1 }, /hung up/],
    [{ at: "LOGIN", does: "hang_up", times: 1 }, /ECONNRESET|hung up/],
    [{ at: "GREETING", does: "bye", text: "too many connections", aboveConnections: 1 }, /^BYE too many/],
  ] as const satisfies readonly (readonly [FakeFault, RegExp])[];
  test.for(refusals)("at login: %o", async ([fault, expected]) => {
    await using server = await fakeImap();
    await using first = await openImapClient({ port: server.port });
    server.misbehaves(fault);
    const outcome = async () => {
      await using client = await openImapClient({ port: server.port });
      if (client.greeting.startsWith("BYE")) return client.greeting;
      const { status, text } = await client.say(`LOGIN ${server.user} ${server.password}`);
      return `${status} ${text}`;
    };
    assert.match(await outcome().catch(({ code, message }) => `${code} ${message}`), expected);
    await first.done(`LOGIN ${server.user} ${server.password}`);
  });

  test("it hangs in IDLE: DONE is never answered, and other connections are served", async () => {
    await using server = await fakeImap();
    await using client = await login(server, "INBOX");
    await client.idle();
    server.misbehaves({ at: "DONE", does: "stall", times: 1 });
    let answered = false;
    client.endIdle().then(
      () => {
        answered = true;
      },
      () => {},
    );
    await server.heard(/^DONE$/);
    await using other = await login(server, "INBOX");
    await other.done("NOOP");
    assert.equal(answered, false);
  });

  test("it does what it was told and loses the reply", async () => {
    await using server = await stocked("one@x");
    await using client = await login(server, "INBOX");
    server.misbehaves({ at: "UID MOVE", does: "hang_up", after: true });
    await assert.rejects(client.say("UID MOVE 1 Trash"));
    assert.equal(server.folder("Trash").messages.length, 1);
  });

  test("it is slow with every command", async () => {
    await using server = await fakeImap();
    await using client = await login(server);
    server.misbehaves({ at: "*", does: "delay", ms: 40 });
    const from = performance.now();
    await client.done("NOOP");
    assert(performance.now() - from > 38);
  });

  test("others expunge what is being fetched", async () => {
    await using server = await stocked("one@x", "two@x");
    await using client = await login(server, "INBOX");
    server.misbehaves({ at: "UID FETCH", does: "expunge", uids: [1], times: 1 });
    assert.deepEqual(await client.done("UID FETCH 1:2 (UID)"), ["2 FETCH (UID 2)", "1 EXPUNGE"]);
  });

  test("it says what is not so: of UIDs, counts, sizes and contents", async () => {
    await using server = await stocked("one@x", "two@x", "three@x");
    const lies = { uidNext: 99, exists: 7, unfetched: [1], unfound: [3], sizeBytes: 5, literalBytes: 100_000 };
    server.lies(lies);
    await using client = await login(server);
    assert.match((await client.done("SELECT INBOX")).join("\n"), /^7 EXISTS.*UIDNEXT 99/ms);
    assert.deepEqual(await client.done("UID SEARCH ALL"), ["SEARCH 1 2"]);
    const fetched = await client.done("UID FETCH 1:2 (RFC822.SIZE BODY.PEEK[]<0.10>)");
    assert.match(fetched.join(), /^2 FETCH \(UID 2 RFC822.SIZE 5 BODY\[\]<0> \{10\}\r\nx{10}\)$/);
    server.lies({ uidNext: null, literalBytes: 100_000, ignoresPartial: true });
    assert.doesNotMatch((await client.done("SELECT INBOX")).join(), /UIDNEXT/);
    const [huge = ""] = await client.done("UID FETCH 1 (BODY.PEEK[]<0.10>)");
    assert(huge.length > 100_000);
    server.announce("9 EXISTS");
    await client.hears(/^9 EXISTS/);
    server.behaves();
    assert.match((await client.done("SELECT INBOX")).join("\n"), /^3 EXISTS.*UIDNEXT 4/ms);
  });
});

type FakeFault = Parameters<FakeImap["misbehaves"]>[0];
