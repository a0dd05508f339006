import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "vitest";
import { type PrivateDovecot, privateDovecot } from "./dovecot.ts";
import { openImapClient } from "./imap-client.ts";

const ann = "ann@example.org";
const bob = "bob@example.org";
const bobsPassword = "bob's own";
const letter = (id: string) => `From: x@example.net\nMessage-ID: <${id}>\nSubject: ${id}\n\nHello\n.dot\n`;

let dovecot: PrivateDovecot;
beforeAll(async () => {
  dovecot = await privateDovecot([ann, { address: bob, password: bobsPassword, accessToken: "token-1" }]);
});
afterAll(async () => {
  await dovecot?.[Symbol.asyncDispose]();
});

const loginLine = (user: string, password: string) => `LOGIN "${user}" "${password}"`;

async function login(user = ann, password = dovecot.password) {
  const client = await openImapClient({ port: dovecot.imapPort });
  await client.done(loginLine(user, password));
  return client;
}

const uidOf = async (id: string): Promise<number> =>
  (await dovecot.messages(ann)).find(({ messageId }) => messageId === `<${id}>`)?.uid ?? 0;

describe("a private Dovecot", () => {
  test("is reached by STARTTLS and by TLS under a certificate that its authority vouches for", async () => {
    await using starttls = await openImapClient({ port: dovecot.imapPort });
    await starttls.startTls(dovecot.caPem);
    await starttls.done(loginLine(ann, dovecot.password));
    await using tls = await openImapClient({ port: dovecot.imapsPort, ca: dovecot.caPem });
    await tls.done(loginLine(bob, bobsPassword));
  });

  test("takes each user's own password, and none after failures that would slow others down", async () => {
    await using client = await openImapClient({ port: dovecot.imapPort });
    for (const wrong of [dovecot.password, "", "x"]) {
      const { status, text } = await client.say(loginLine(bob, wrong));
      assert.deepEqual([status, text.split("]")[0]], ["NO", "[AUTHENTICATIONFAILED"]);
    }
    await client.done(loginLine(bob, bobsPassword));
  });

  test("takes an access token for the user who has it, and for nobody else", async () => {
    const present = (user: string, token: string) =>
      `AUTHENTICATE XOAUTH2 ${Buffer.from(`user=${user}\x01auth=Bearer ${token}\x01\x01`).toString("base64")}`;
    await using client = await openImapClient({ port: dovecot.imapPort });
    await client.done(present(bob, "token-1"));
    for (const [user, token] of [
      [ann, "token-1"],
      [bob, "token-0"],
      [bob, bobsPassword],
    ] as const) {
      await using refused = await openImapClient({ port: dovecot.imapPort });
      const { status, text } = await refused.say(present(user, token), "");
      assert.deepEqual([status, text.split("]")[0]], ["NO", "[AUTHENTICATIONFAILED"]);
    }
  });

  test("what is delivered is there when the delivery is done, whole", async () => {
    await dovecot.deliver(ann, letter("delivered@x"), { reversePath: "" });
    const content = await dovecot.content(ann, "INBOX", await uidOf("delivered@x"));
    assert.match(content, /^Return-Path: <>\n/);
    assert.match(content, /\n\nHello\n\.dot\n$/);
    await assert.rejects(dovecot.deliver("nobody@example.org", letter("refused@x")), /550/);
  });

  test("an idling client learns of new mail, and of what others do to flags and folders", async () => {
    await using client = await login();
    await client.done("SELECT INBOX");
    await client.idle();
    await dovecot.deliver(ann, letter("seen@x"));
    await client.hears(/EXISTS/);

    const uid = await uidOf("seen@x");
    await dovecot.setFlags(ann, "INBOX", uid, "add", ["\\Answered", "$Ours"]);
    await client.hears(/FETCH \(.*\\Answered.*\$Ours/);
    await dovecot.move(ann, "INBOX", "Elsewhere/Deep", uid);
    await client.hears(/EXPUNGE/);
    const [moved] = await dovecot.messages(ann, "Elsewhere/Deep");
    assert.deepEqual([moved?.messageId, moved?.flags], ["<seen@x>", ["\\Answered", "$Ours"]]);
    await dovecot.setFlags(ann, "Elsewhere/Deep", "1:*", "set", []);
    assert.deepEqual((await dovecot.messages(ann, "Elsewhere/Deep"))[0]?.flags, []);
  });

  test("has the special-use folders, and takes a message into one", async () => {
    await using client = await login();
    const folders = (await client.done('LIST (SPECIAL-USE) "" "*"')).join("\n");
    for (const use of ["Sent", "Drafts", "Junk", "Trash", "Archive"])
      assert.match(folders, new RegExp(`\\\\${use}\\b`));
    await dovecot.save(ann, "Sent", letter("sent@x"));
    assert.equal((await dovecot.messages(ann, "Sent"))[0]?.messageId, "<sent@x>");
  });

  test("a kicked user's connections end, and nobody else's", async () => {
    await using client = await login();
    await using other = await login(bob, bobsPassword);
    await client.done("NOOP"); // Both are now past their login, and counted.
    assert.equal(await dovecot.connections(ann), 1);
    await dovecot.kick(ann);
    await client.closed;
    await other.done("NOOP");
    await dovecot.kick(ann); // Nobody is there: not an error.
  });

  test("stops and starts on the same ports with its mail, and a reset renumbers that", async () => {
    await dovecot.deliver(bob, letter("one@x"));
    await dovecot.deliver(bob, letter("two@x"));
    await dovecot.expunge(bob, "INBOX", 1);
    await dovecot.setFlags(bob, "INBOX", 2, "add", ["\\Seen"]);
    await using client = await login();
    await dovecot.stop();
    await client.closed;
    await assert.rejects(login(), { code: "ECONNREFUSED" });
    await dovecot.start();
    const before = await dovecot.status(bob);
    assert.deepEqual([before.messages, before.uidNext], [1, 3]);

    await dovecot.resetUidValidity(bob);
    const after = await dovecot.status(bob);
    assert.notEqual(after.uidValidity, before.uidValidity);
    assert.deepEqual(
      (await dovecot.messages(bob)).map(({ uid, messageId, flags }) => ({ uid, messageId, flags })),
      [{ uid: 1, messageId: "<two@x>", flags: ["\\Seen"] }],
    );
  });
});

test("a user's connections can be bounded, and idling ones be reminded early", async () => {
  await using strict = await privateDovecot([ann], { maxUserConnections: 1, idleNotifySeconds: 1 });
  await using first = await openImapClient({ port: strict.imapPort });
  await first.done(loginLine(ann, strict.password));
  await using second = await openImapClient({ port: strict.imapPort });
  const { status, text } = await second.say(loginLine(ann, strict.password));
  assert.deepEqual([status, text.split("]")[0]], ["NO", "[LIMIT"]);

  await first.done("SELECT INBOX");
  await first.idle();
  await first.hears(/Still here/);
  const { processes, bytes } = await strict.memory();
  assert(processes > 5 && bytes > 1_000_000, `${processes} processes, ${bytes} bytes`);
});
