import assert from "node:assert/strict";
import {
  makeCertificate,
  type PrivateDovecot,
  type PrivatePostfix,
  privateDovecot,
  privatePostfix,
  type SmtpSink,
  startMisbehavingHop,
  startSmtpSink,
} from "@mailfleet/testkit";
import { afterAll, beforeAll, describe, test } from "vitest";
import { openNextHop } from "./smtp-next-hop.ts";
import { content, envelopeTo } from "./testing/contract.ts";
import { verifyNextHop } from "./verify.ts";

const yes = () => true;
const letter = (id: string, body = "hello") =>
  content(
    Buffer.from(`From: sender@example.org\r\nMessage-ID: <${id}@example.org>\r\nSubject: ${id}\r\n\r\n${body}\r\n`),
  );

describe("a real Postfix", () => {
  let postfix: PrivatePostfix;
  let target: Awaited<ReturnType<typeof startMisbehavingHop>>;
  let caPem: string;
  beforeAll(async () => {
    const certificate = await makeCertificate();
    caPem = certificate.cert;
    target = await startMisbehavingHop();
    postfix = await privatePostfix({
      relayPort: target.port,
      certificate,
      settings: { message_size_limit: "100000", smtpd_recipient_restrictions: "reject_non_fqdn_recipient" },
    });
  });
  afterAll(async () => {
    await postfix?.[Symbol.asyncDispose]();
    await target?.[Symbol.asyncDispose]();
  });

  test("takes mail over STARTTLS and passes it on as it was", async () => {
    const settings = { host: postfix.host, port: postfix.port, security: "starttls", caPem } as const;
    await using nextHop = openNextHop(settings);
    const body = ".dot\r\n..two\r\nplain\r\n.";
    const [result] = await nextHop.send(envelopeTo("ann@example.net"), letter("starttls", body), yes);
    assert.equal(result?.kind, "success");
    const kept = (await target.kept(1)).find(({ messageId }) => messageId === "<starttls@example.org>");
    assert(kept?.content.toString().endsWith(`\r\n\r\n${body}\r\n`));
    assert.deepEqual(kept?.recipients, ["ann@example.net"]);
  });

  test("carries many messages over one connection", async () => {
    await using nextHop = openNextHop({ host: postfix.host, port: postfix.port, security: "none" });
    for (let n = 0; n < 20; n++) {
      const [result] = await nextHop.send(envelopeTo("ann@example.net"), letter(`many-${n}`), yes);
      assert.equal(result?.kind, "success");
    }
    await target.kept(20);
  });

  test("refuses one recipient of two, and the other gets the mail", async () => {
    await using nextHop = openNextHop({ host: postfix.host, port: postfix.port, security: "none" });
    const results = await nextHop.send(envelopeTo("nodomain", "bob@example.net"), letter("partial"), yes);
    assert.deepEqual(
      results.map(({ kind }) => kind),
      ["permanent_error", "success"],
    );
  });

  test("is not offered what exceeds its SIZE", async () => {
    await using nextHop = openNextHop({ host: postfix.host, port: postfix.port, security: "none" });
    const [result] = await nextHop.send(envelopeTo("ann@example.net"), content(Buffer.alloc(100_001, "a")), yes);
    assert.equal(result?.kind, "permanent_error");
    assert.equal(result?.kind === "permanent_error" && result.status, "5.3.4");
  });

  test("is verified without a message", async () => {
    const report = await verifyNextHop({ host: postfix.host, port: postfix.port, security: "starttls", caPem });
    assert.equal(report.ok, true);
    assert.equal(report.acceptsNullReversePath, true);
    assert.equal(report.sizeLimitBytes, 100_000);
    assert.equal(report.tls?.version, "TLSv1.3");
  });
});

describe("Postfix's smtp-sink", () => {
  const one = async (switches: readonly string[], lmtp = false) => {
    await using sink: SmtpSink = await startSmtpSink({ switches });
    await using nextHop = openNextHop({ host: sink.host, port: sink.port, security: "none", lmtp });
    const [result] = await nextHop.send(envelopeTo("ann@example.net"), letter("sink"), yes);
    assert(result);
    return result;
  };
  const rows = [
    ["takes everything", [], "success"],
    ["drops after the final dot", ["-q", "."], "in_doubt"],
    ["drops at MAIL", ["-q", "mail"], "not_attempted"],
    ["drops at RCPT", ["-q", "rcpt"], "transient_error"],
    ["says 421 at MAIL", ["-Q", "mail"], "transient_error"],
    ["says 421 at the final dot", ["-Q", "."], "transient_error"],
    ["says 4xx at RCPT", ["-r", "rcpt"], "transient_error"],
    ["says 5xx at MAIL", ["-f", "mail"], "permanent_error"],
    ["says 5xx at DATA", ["-f", "data"], "permanent_error"],
    ["says 4xx at the final dot", ["-r", "."], "transient_error"],
  ] as const;
  for (const [what, switches, kind] of rows) {
    test(`${what}: ${kind}`, async () => {
      assert.equal((await one(switches)).kind, kind);
    });
  }
  test("takes everything over LMTP", async () => {
    assert.equal((await one(["-L"], true)).kind, "success");
  });
});

describe("a real Dovecot over LMTP", () => {
  let dovecot: PrivateDovecot;
  beforeAll(async () => {
    dovecot = await privateDovecot(["ann@example.org", "bob@example.org"]);
  });
  afterAll(async () => {
    await dovecot?.[Symbol.asyncDispose]();
  });

  test("delivers to each known user, refuses the unknown one, and says so for each", async () => {
    const settings = { host: dovecot.host, port: dovecot.lmtpPort, security: "none", lmtp: true } as const;
    await using nextHop = openNextHop(settings);
    const envelope = envelopeTo("ann@example.org", "nobody@example.org", "bob@example.org");
    const results = await nextHop.send(envelope, letter("lmtp"), yes);
    assert.deepEqual(
      results.map(({ kind }) => kind),
      ["success", "permanent_error", "success"],
    );
    for (const user of ["ann@example.org", "bob@example.org"]) {
      const [message, ...more] = await dovecot.inbox(user);
      assert.match(message ?? "", /^Message-ID: <lmtp@example\.org>/m);
      assert.equal(more.length, 0);
    }
  });
});
