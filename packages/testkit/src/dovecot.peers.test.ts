import assert from "node:assert/strict";
import { ImapFlow } from "imapflow";
import { afterAll, beforeAll, describe, test } from "vitest";
import { type PrivateDovecot, privateDovecot } from "./dovecot.ts";

const ann = "ann@example.org";
const bob = "bob@example.org";
const letter = (id: string) => `From: x@example.net\nMessage-ID: <${id}>\nSubject: ${id}\n\nHello\n.dot\n`;

let dovecot: PrivateDovecot;
beforeAll(async () => {
  dovecot = await privateDovecot([ann, { address: bob, password: "bob's own", accessToken: "token-1" }]);
});
afterAll(async () => {
  await dovecot?.[Symbol.asyncDispose]();
});

async function login(
  options: { tls?: boolean; auth?: object; port?: number } = {},
): Promise<ImapFlow & AsyncDisposable> {
  const client = new ImapFlow({
    host: "localhost",
    port: options.port ?? dovecot.imapPort,
    secure: options.tls ?? false,
    doSTARTTLS: !options.tls,
    tls: { ca: dovecot.caPem },
    auth: { user: ann, pass: dovecot.password },
    logger: false,
    ...(options.auth ? { auth: options.auth } : {}),
  } as ConstructorParameters<typeof ImapFlow>[0]);
  client.on("error", () => {});
  await client.connect();
  return Object.assign(client, {
    [Symbol.asyncDispose]: async () => {
      client.close();
    },
  });
}

describe("a private Dovecot", () => {
  test("is reached by STARTTLS and by TLS, with each user's own password, and its certificate is checked", async () => {
    await using starttls = await login();
    assert.equal(starttls.secureConnection, true);
    await using tls = await login({ tls: true, port: dovecot.imapsPort, auth: { user: bob, pass: "bob's own" } });
    assert.equal(tls.secureConnection, true);
    await assert.rejects(login({ auth: { user: bob, pass: dovecot.password } }), { authenticationFailed: true });
  });

  test("takes an access token from the user that has it alone", async () => {
    await using client = await login({ auth: { user: bob, accessToken: "token-1" } });
    assert.equal(client.usable, true);
    await assert.rejects(login({ auth: { user: ann, accessToken: "token-1" } }), { authenticationFailed: true });
  });

  test("what is delivered is there when the delivery is done, whole", async () => {
    await dovecot.deliver(ann, letter("delivered@x"), { reversePath: "" });
    const found = (await dovecot.messages(ann)).find(({ messageId }) => messageId === "<delivered@x>");
    const content = await dovecot.content(ann, "INBOX", found?.uid ?? 0);
    assert.match(content, /^Return-Path: <>\n/);
    assert.match(content, /\n\nHello\n\.dot\n$/);
    await assert.rejects(dovecot.deliver("nobody@example.org", letter("refused@x")), /550/);
  });

  test("an idling client sees new mail, and others' changes of flags and folders", async () => {
    await using client = await login();
    await client.mailboxOpen("INBOX");
    const seen = new Promise((resolve) => client.once("exists", resolve));
    void client.idle();
    await dovecot.deliver(ann, letter("seen@x"));
    await seen;
    const uid = (await dovecot.messages(ann)).find(({ messageId }) => messageId === "<seen@x>")?.uid ?? 0;

    const flagged = new Promise<{ flags: Set<string> }>((resolve) => client.once("flags", resolve));
    await dovecot.setFlags(ann, "INBOX", uid, "add", ["\\Answered", "$Ours"]);
    assert.deepEqual([...(await flagged).flags].filter((flag) => flag !== "\\Recent").sort(), ["$Ours", "\\Answered"]);

    const gone = new Promise((resolve) => client.once("expunge", resolve));
    await dovecot.move(ann, "INBOX", "Elsewhere/Deep", uid);
    await gone;
    const [moved] = await dovecot.messages(ann, "Elsewhere/Deep");
    assert.deepEqual([moved?.messageId, moved?.flags], ["<seen@x>", ["\\Answered", "$Ours"]]);
    await dovecot.setFlags(ann, "Elsewhere/Deep", "1:*", "set", []);
    assert.deepEqual((await dovecot.messages(ann, "Elsewhere/Deep"))[0]?.flags, []);
  });

  test("has the special-use folders, and a message can be put into one", async () => {
    await using client = await login();
    const uses = (await client.list()).flatMap(({ specialUse }) => (specialUse ? [specialUse] : [])).sort();
    assert.deepEqual(uses, ["\\Archive", "\\Drafts", "\\Inbox", "\\Junk", "\\Sent", "\\Trash"]);
    await dovecot.save(ann, "Sent", letter("sent@x"));
    assert.equal((await dovecot.messages(ann, "Sent"))[0]?.messageId, "<sent@x>");
  });

  test("a kicked user's connections end, and nobody else's", async () => {
    await using client = await login();
    await using other = await login({ auth: { user: bob, pass: "bob's own" } });
    assert.equal(await dovecot.connections(ann), 1);
    const closed = new Promise((resolve) => client.once("close", resolve));
    await dovecot.kick(ann);
    await closed;
    await other.noop();
    await dovecot.kick(ann); // Nobody is there: not an error.
  });

  test("it stops and starts on the same ports with its mail, and a reset renumbers that", async () => {
    await dovecot.deliver(bob, letter("one@x"));
    await dovecot.deliver(bob, letter("two@x"));
    await dovecot.expunge(bob, "INBOX", 1);
    await dovecot.setFlags(bob, "INBOX", 2, "add", ["\\Seen"]);
    await using client = await login();
    const closed = new Promise((resolve) => client.once("close", resolve));
    await dovecot.stop();
    await closed;
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

test("a user's connections can be bounded, and the next login is refused", async () => {
  await using strict = await privateDovecot([ann], { maxUserConnections: 1, idleNotifySeconds: 2 });
  const auth = { user: ann, pass: strict.password };
  const options = { host: "localhost", port: strict.imapPort, tls: { ca: strict.caPem }, logger: false, auth } as const;
  const first = new ImapFlow(options);
  const second = new ImapFlow(options);
  try {
    await first.connect();
    await assert.rejects(second.connect());
    assert.match(await strict.log(), /Maximum number of connections/);
  } finally {
    first.close();
    second.close();
  }
});
