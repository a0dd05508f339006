import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { type Acceptance, OverloadedError, type Submission } from "@mailfleet/store";
import { makeCertificate } from "@mailfleet/testkit";
import { describe, expect, test, vi } from "vitest";
import { type SmtpLimits, smtpLimits } from "./limits.ts";
import { type Client, connectClient } from "./testing/dialogue.ts";
import { key, openListenerRig, plainToken, type RigOptions } from "./testing/listener-rig.ts";

const auth = `AUTH PLAIN ${plainToken("acme", key)}`;
const wrongAuth = `AUTH PLAIN ${plainToken("acme", `mf_${"x".repeat(40)}`)}`;
const letter = "From: ann@example.org\r\n\r\nHello\r\n.\r\n";

/** A session that has authenticated. */
async function openSession(port: number): Promise<Client> {
  const client = connectClient(port);
  await client.reply();
  await client.command("EHLO client.example");
  expect(await client.command(auth)).toMatch(/^235 /);
  return client;
}

/** As far as the 354. */
async function beginContent(client: Client): Promise<void> {
  await client.command("MAIL FROM:<ann@example.org>");
  await client.command("RCPT TO:<bob@example.net>");
  expect(await client.command("DATA")).toMatch(/^354 /);
}

async function submit(client: Client, content = letter): Promise<string> {
  await beginContent(client);
  client.send(content);
  return (await client.reply()).at(-1) as string;
}

/** An acceptor that answers when it is told to. */
function slowAcceptor() {
  const asked = Promise.withResolvers<Submission>();
  const answer = Promise.withResolvers<Acceptance>();
  return {
    accept: (submission: Submission) => {
      asked.resolve(submission);
      return answer.promise;
    },
    asked: asked.promise,
    fail: (error: Error) => answer.reject(error),
    yes: () =>
      answer.resolve({
        kind: "accepted",
        duplicate: false,
        uid: "u1",
        id: "u1",
        messageId: "<x@y>",
        accountUid: 1,
        deliveries: [],
      }),
  };
}

describe("accepted means durable", () => {
  test("250 is not said before the commit, and the account is woken after it", async () => {
    const acceptor = slowAcceptor();
    await using rig = await openListenerRig({ acceptor });
    await using client = await openSession(rig.port);
    await beginContent(client);
    client.send(letter);
    await acceptor.asked;
    expect(rig.woken).toEqual([]);
    const reply = client.reply();
    const first = await Promise.race([reply, new Promise((resolve) => setImmediate(resolve, "nothing yet"))]);
    expect(first).toBe("nothing yet");
    acceptor.yes();
    expect((await reply).at(-1)).toBe("250 2.0.0 accepted as u1");
    expect(rig.woken).toEqual(["1"]);
  });

  test("a real submission wakes the account that it belongs to", async () => {
    await using rig = await openListenerRig();
    await using client = await openSession(rig.port);
    expect(await submit(client)).toMatch(/^250 2\.0\.0 accepted as /);
    const account = await rig.store.accounts.resolve("acme");
    expect(rig.woken).toEqual([String(account?.uid)]);
  });

  test("a store that is away is 451, one with too much to do is 452, and the session goes on", async () => {
    const errors = [new Error("connection refused"), new OverloadedError("full")];
    await using rig = await openListenerRig({ acceptor: { accept: () => Promise.reject(errors.shift()) } });
    await using client = await openSession(rig.port);
    expect(await submit(client)).toMatch(/^451 4\.3\.0 /);
    expect(await submit(client)).toMatch(/^452 4\.3\.1 /);
    expect(await client.command("NOOP")).toMatch(/^250 /);
    expect(rig.log.filter((line) => line.includes("connection refused"))).toHaveLength(1);
  });

  test("a store that is away when credentials are to be checked is 454, and counts as nobody's failure", async () => {
    let away = true;
    await using rig = await openListenerRig({
      apiKeys: {
        authenticate: async () => {
          if (away) throw new Error("connection refused");
          return { keyId: "k", tenantId: "acme", tenantState: "active", scopes: ["submit"] };
        },
      },
    });
    await using client = connectClient(rig.port);
    await client.reply();
    await client.command("EHLO client.example");
    expect(await client.command(auth)).toMatch(/^454 4\.7\.0 /);
    away = false;
    expect(await client.command(auth)).toMatch(/^235 /);
  });

  test("a client that is gone before the final dot leaves nothing", async () => {
    await using rig = await openListenerRig();
    {
      await using client = await openSession(rig.port);
      await beginContent(client);
      client.send("From: ann@example.org\r\n\r\nHalf of a mess");
    }
    rig.scope.drain();
    await rig.listener.drained;
    expect(await rig.kept()).toEqual([]);
  });
});

describe("policy", () => {
  test("a suspended tenant, an unknown account and a foreign sender are refused at MAIL", async () => {
    await using rig = await openListenerRig();
    await rig.store.tenants.put("acme", { allowedSenders: ["@example.org"] });
    await using client = await openSession(rig.port);
    expect(await client.command("MAIL FROM:<eve@example.com>")).toMatch(/^550 5\.7\.1 /);
    expect(await submit(client, "From: eve@example.com\r\n\r\n.\r\n")).toMatch(/^550 5\.7\.1 From/);
    expect(await submit(client)).toMatch(/^250 /);

    await using other = connectClient(rig.port);
    await other.reply();
    await other.command("EHLO client.example");
    expect(await other.command(`AUTH PLAIN ${plainToken("acme/none", key)}`)).toMatch(/^235 /);
    expect(await other.command("MAIL FROM:<ann@example.org>")).toMatch(/^550 5\.7\.1 /);
    expect(await rig.kept()).toHaveLength(1);
  });
});

describe("limits", () => {
  const limited = (limits: Partial<SmtpLimits>): RigOptions => ({ limits: { ...smtpLimits, ...limits } });

  test("a declared size above the maximum is refused at MAIL, an undeclared one after the dot", async () => {
    await using rig = await openListenerRig({ settings: { smtpMaxMessageBytes: 65_536 } });
    await using client = await openSession(rig.port);
    expect(await client.command("MAIL FROM:<ann@example.org> SIZE=70000")).toMatch(/^552 5\.3\.4 /);
    const large = `From: ann@example.org\r\n\r\n${`${"x".repeat(70)}\r\n`.repeat(1_000)}.\r\n`;
    expect(await submit(client, large)).toMatch(/^552 5\.3\.4 /);
    expect(await submit(client)).toMatch(/^250 /);
  });

  test("100,000 recipients in one go are answered within a second, and the first 1,000 of 1,100 get their mail", async () => {
    await using rig = await openListenerRig();
    await using client = await openSession(rig.port);
    await client.command("MAIL FROM:<ann@example.org>");
    client.send(Array.from({ length: 1_100 }, (_, n) => `RCPT TO:<r${n}@example.net>\r\n`).join(""));
    const codes = new Map<string, number>();
    for (let n = 0; n < 1_100; n++) {
      const status = (await client.line())?.slice(0, 9) ?? "closed";
      codes.set(status, (codes.get(status) ?? 0) + 1);
    }
    expect([...codes]).toEqual([
      ["250 2.1.5", 1_000],
      ["452 4.5.3", 100],
    ]);
    expect(await client.command("DATA")).toMatch(/^354 /);
    client.send(letter);
    expect((await client.reply()).at(-1)).toMatch(/^250 /);
    expect((await rig.kept())[0]?.split(", ")).toHaveLength(1_000);

    await client.command("MAIL FROM:<ann@example.org>");
    const startedAt = performance.now();
    client.send(Array.from({ length: 100_000 }, (_, n) => `RCPT TO:<r${n}@example.net>\r\n`).join(""));
    let last: string | undefined;
    for (let line = await client.line(); line !== undefined; line = await client.line()) last = line;
    expect(last).toMatch(/^421 4\.7\.0 /);
    expect(performance.now() - startedAt).toBeLessThan(5_000);
  });

  test("one client too many is sent away with 421", async () => {
    await using rig = await openListenerRig({ settings: { smtpMaxClients: 1 } });
    await using _ = await openSession(rig.port);
    await using second = connectClient(rig.port);
    expect((await second.reply()).at(-1)).toMatch(/^421 4\.3\.2 /);
    expect(await second.line()).toBeUndefined();
  });

  test("a tenant's sessions are limited, and one that ends makes room", async () => {
    await using rig = await openListenerRig(limited({ sessionsPerTenant: 1 }));
    const first = await openSession(rig.port);
    await using second = connectClient(rig.port);
    await second.reply();
    await second.command("EHLO client.example");
    expect(await second.command(auth)).toMatch(/^454 4\.7\.0 /);
    expect(await first.command("QUIT")).toMatch(/^221 /);
    await first[Symbol.asyncDispose]();
    await vi.waitFor(async () => expect(await second.command(auth)).toMatch(/^235 /), 3_000);
  });

  test("too many messages, and too many errors, end a session", async () => {
    await using rig = await openListenerRig(limited({ messagesPerSession: 1, errorsPerSession: 3 }));
    await using client = await openSession(rig.port);
    expect(await submit(client)).toMatch(/^250 /);
    expect(await client.command("MAIL FROM:<ann@example.org>")).toMatch(/^421 4\.7\.0 /);
    expect(await client.line()).toBeUndefined();

    await using erring = await openSession(rig.port);
    for (let n = 0; n < 3; n++) expect(await erring.command("NONSENSE")).toMatch(/^500 /);
    expect(await erring.line()).toMatch(/^421 4\.7\.0 /);
    expect(await erring.line()).toBeUndefined();
  });

  test("a line without end is cut off", async () => {
    await using rig = await openListenerRig();
    await using client = await openSession(rig.port);
    client.send("N".repeat(10_000_000));
    expect(await client.line()).toMatch(/^421 /);
    expect(await client.line()).toBeUndefined();
  });

  test("content that drips is cut off however steadily it drips, and so is a stranger who does nothing", async () => {
    await using rig = await openListenerRig(limited({ contentMs: 150, authenticateMs: 300, watchMs: 20 }));
    await using client = await openSession(rig.port);
    await beginContent(client);
    const drip = setInterval(() => client.send("x"), 10);
    try {
      expect(await client.line()).toMatch(/^421 4\.4\.2 /);
    } finally {
      clearInterval(drip);
    }
    await using stranger = connectClient(rig.port);
    await stranger.reply();
    expect(await stranger.line()).toMatch(/^421 4\.7\.0 /);
    expect(await stranger.line()).toBeUndefined();
    expect(await rig.kept()).toEqual([]);
  });

  test("failed AUTH is answered later and later, then locked out", async () => {
    const slept: number[] = [];
    await using rig = await openListenerRig({
      clock: { nowMs: () => 0, sleep: async (ms) => void slept.push(ms) },
    });
    let reply = "";
    for (let session = 0; session < 4; session++) {
      await using client = connectClient(rig.port);
      await client.reply();
      await client.command("EHLO client.example");
      for (let n = 0; n < 6; n++) reply = await client.command(wrongAuth);
    }
    expect(reply).toMatch(/^454 4\.7\.0 /);
    expect(slept).toHaveLength(20);
    expect(slept.slice(0, 3)).toEqual([500, 1_000, 2_000]);
    await using honest = connectClient(rig.port);
    await honest.reply();
    await honest.command("EHLO client.example");
    expect(await honest.command(auth)).toMatch(/^454 4\.7\.0 /);
    expect(rig.log.join("")).not.toContain("xxxx");
  });
});

describe("TLS", () => {
  async function certificateFiles() {
    const folder = await mkdtemp(join(tmpdir(), "mailfleet-intake-"));
    const [smtpTlsCert, smtpTlsKey] = [join(folder, "cert.pem"), join(folder, "key.pem")];
    const write = async ({ cert, key }: { cert: string; key: string }) => {
      await writeFile(smtpTlsKey, key);
      await writeFile(smtpTlsCert, cert);
    };
    return {
      settings: { smtpTlsCert, smtpTlsKey },
      write,
      [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
    };
  }

  test("with a certificate, AUTH is offered and taken under TLS only, and what came before is forgotten", async () => {
    await using files = await certificateFiles();
    const certificate = await makeCertificate();
    await files.write(certificate);
    await using rig = await openListenerRig(files);
    await using client = connectClient(rig.port);
    await client.reply();
    client.send("EHLO client.example\r\n");
    const before = await client.reply();
    expect(before.join()).toContain("STARTTLS");
    expect(before.join()).not.toContain("AUTH");
    expect(await client.command(auth)).toMatch(/^538 /);
    expect(await client.command("MAIL FROM:<ann@example.org>")).toMatch(/^530 5\.7\.0 /);
    // What is sent in clear behind STARTTLS must not be carried out under TLS.
    client.send(`STARTTLS\r\n${auth}\r\n`);
    expect((await client.reply()).at(-1)).toMatch(/^220 /);
    const tls = await client.startTls({ ca: certificate.cert, servername: "localhost" });
    expect(tls.authorized).toBe(true);
    expect(await client.command("MAIL FROM:<ann@example.org>")).toMatch(/^503 /);
    client.send("EHLO client.example\r\n");
    const after = await client.reply();
    expect(after.join()).toContain("AUTH PLAIN LOGIN");
    expect(after.join()).not.toContain("STARTTLS");
    expect(await client.command("MAIL FROM:<ann@example.org>")).toMatch(/^530 /);
    expect(await client.command(auth)).toMatch(/^235 /);
    expect(await submit(client)).toMatch(/^250 /);
  });

  test("a certificate that is renewed serves new sessions, and one that is no good does not", async () => {
    await using files = await certificateFiles();
    const [old, next] = [await makeCertificate(), await makeCertificate()];
    await files.write(old);
    await using rig = await openListenerRig({ ...files, certificateIntervalMs: 20 });
    const serves = async (ca: string) => {
      await using client = connectClient(rig.port);
      await client.reply();
      await client.command("EHLO client.example");
      await client.command("STARTTLS");
      return await client.startTls({ ca, servername: "localhost" }).then(
        () => true,
        () => false,
      );
    };
    expect(await serves(old.cert)).toBe(true);
    await files.write({ cert: next.cert, key: old.key });
    await vi.waitFor(() => expect(rig.log.join()).toContain("cannot be renewed"), 3_000);
    expect(await serves(old.cert)).toBe(true);
    await files.write(next);
    await vi.waitFor(async () => expect(await serves(next.cert)).toBe(true), 3_000);
    expect(await serves(old.cert)).toBe(false);
  });

  test("without a certificate nobody can authenticate beyond loopback, and the start says so", async () => {
    await using rig = await openListenerRig({ settings: { smtpHost: "0.0.0.0" } });
    await using client = connectClient(rig.port);
    await client.reply();
    client.send("EHLO client.example\r\n");
    expect((await client.reply()).join()).not.toMatch(/AUTH|STARTTLS/);
    expect(await client.command(auth)).toMatch(/^500 /);
    expect(await client.command("MAIL FROM:<ann@example.org>")).toMatch(/^530 5\.7\.0 /);
    expect(rig.log.join()).toContain("MAILFLEET_SMTP_TLS_CERT");
  });

  test("a certificate that cannot be used is told at the start", async () => {
    await using files = await certificateFiles();
    await expect(openListenerRig(files)).rejects.toThrow("ENOENT");
  });
});

describe("the PROXY protocol", () => {
  test("a listed proxy says who the client is; from anybody else, the header is no command", async () => {
    await using rig = await openListenerRig({ settings: { smtpProxies: ["127.0.0.1"] } });
    await using client = connectClient(rig.port);
    client.send("PROXY TCP4 192.0.2.77 198.51.100.1 41000 25\r\n");
    await client.reply();
    await client.command("EHLO client.example");
    await client.command(auth);
    await submit(client);
    const [message] = await rig.store.db.query<{ text: string }>(
      "select convert_from(bytes, 'UTF8') as text from mailfleet.contents",
    );
    expect(message?.text).toMatch(/^Received: from client\.example \(\[192\.0\.2\.77\]\) by mail\.example with ESMTPA/);

    await using direct = await openListenerRig();
    await using liar = connectClient(direct.port);
    await liar.reply();
    expect(await liar.command("PROXY TCP4 192.0.2.77 198.51.100.1 41000 25")).toMatch(/^500 /);
  });
});

describe("draining", () => {
  test("idle sessions are sent away, a transaction in hand is finished, and nobody new is let in", async () => {
    await using rig = await openListenerRig();
    await using idle = await openSession(rig.port);
    await using busy = await openSession(rig.port);
    await beginContent(busy);
    rig.scope.drain();
    expect(await idle.line()).toMatch(/^421 4\.3\.2 /);
    await using late = connectClient(rig.port);
    expect(await late.line()).toBeUndefined();
    busy.send(letter);
    expect(await busy.line()).toMatch(/^250 2\.0\.0 accepted/);
    expect(await busy.line()).toMatch(/^421 4\.3\.2 /);
    await Promise.all([idle, busy].map((client) => client[Symbol.asyncDispose]()));
    await rig.listener.drained;
    expect(await rig.kept()).toHaveLength(1);
  });

  test("when the grace is over, only a commit under way is waited for", async () => {
    const acceptor = slowAcceptor();
    await using rig = await openListenerRig({ acceptor });
    await using committing = await openSession(rig.port);
    await using dawdling = await openSession(rig.port);
    await beginContent(dawdling);
    await beginContent(committing);
    committing.send(letter);
    await acceptor.asked;
    rig.scope.stop();
    expect(await dawdling.line()).toMatch(/^421 /);
    acceptor.yes();
    expect(await committing.line()).toMatch(/^250 /);
  });
});

test("swaks, a client of the world, submits to several recipients", async () => {
  await using rig = await openListenerRig();
  const { stdout } = await promisify(execFile)("swaks", [
    ...["--server", "127.0.0.1", "--port", String(rig.port), "--ehlo", "client.example"],
    ...["--auth", "LOGIN", "--auth-user", "acme", "--auth-password", key],
    ...["--from", "ann@example.org", "--to", "bob@example.net,cy@example.com", "--header", "Subject: Hi from swaks"],
    ...["--add-header", "Mailfleet-Id: swaks-1", "--body", "Hello\n.\nGoodbye"],
  ]);
  expect(stdout).toContain("250 2.0.0 accepted as swaks-1");
  expect(await rig.kept()).toEqual(["ann@example.org > bob@example.net, cy@example.com"]);
  const [message] = await rig.store.db.query<{ text: string; subject: string }>(
    "select convert_from(c.bytes, 'UTF8') as text, m.subject from mailfleet.contents c join mailfleet.messages m on m.uid = c.message_uid",
  );
  expect(message?.subject).toBe("Hi from swaks");
  expect(message?.text).toContain("Hello\r\n.\r\nGoodbye");
  expect(message?.text).not.toContain("swaks-1");
});
