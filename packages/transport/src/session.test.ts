import assert from "node:assert/strict";
import { type Certificate, type HopOptions, makeCertificate, startMisbehavingHop } from "@mailfleet/testkit";
import { beforeAll, describe, test } from "vitest";
import type { NextHopSettings } from "./next-hop.ts";
import { openNextHop } from "./smtp-next-hop.ts";
import { content, envelopeTo } from "./testing/contract.ts";
import { verifyNextHop } from "./verify.ts";

const timeLimits = { quitMs: 200 };
const account = { user: "tenant", pass: "secret" };
const password = { kind: "password", ...account } as const;
let certificate: Certificate;

beforeAll(async () => {
  certificate = await makeCertificate();
});

async function sendOne(options: HopOptions, settings: Omit<NextHopSettings, "host" | "port">) {
  await using hop = await startMisbehavingHop(options);
  await using nextHop = openNextHop({ host: hop.host, port: hop.port, ...settings }, { timeLimits });
  const [result] = await nextHop.send(envelopeTo("ann@example.org"), content(), () => true);
  assert(result);
  return { result, hop: { messages: hop.messages, logins: [...hop.logins] } };
}

describe("TLS", () => {
  test("mail goes out over TLS from the first byte, checked against the account's own authority", async () => {
    const { result } = await sendOne(
      { tls: certificate, implicitTls: true },
      { security: "tls", caPem: certificate.cert },
    );
    assert.equal(result.kind, "success");
  });

  test("mail goes out over STARTTLS, checked against the account's own authority", async () => {
    const { result } = await sendOne({ tls: certificate }, { security: "starttls", caPem: certificate.cert });
    assert.equal(result.kind, "success");
  });

  for (const [security, implicitTls] of [
    ["tls", true],
    ["starttls", false],
  ] as const) {
    test(`a certificate that nobody vouches for blocks the account (${security})`, async () => {
      const { result } = await sendOne({ tls: certificate, implicitTls }, { security });
      assert.equal(result.kind === "not_attempted" && result.blocksAccount, true);
      assert.equal(result.kind === "not_attempted" && result.status, "4.7.5");
    });

    test(`a certificate that nobody vouches for is accepted only where the account says so (${security})`, async () => {
      const { result } = await sendOne({ tls: certificate, implicitTls }, { security, allowInvalidCertificate: true });
      assert.equal(result.kind, "success");
    });
  }

  test("a next hop without STARTTLS gets neither credentials nor mail", async () => {
    const { result, hop } = await sendOne({ auth: account }, { security: "starttls", auth: password });
    assert.equal(result.kind === "not_attempted" && result.blocksAccount, true);
    assert.deepEqual(hop.logins, []);
    assert.equal(hop.messages.length, 0);
  });

  test("a handshake that never ends is cut", async () => {
    await using hop = await startMisbehavingHop({ tls: certificate });
    hop.stalls("greeting");
    const settings = { host: hop.host, port: hop.port, security: "tls" } as const;
    await using nextHop = openNextHop(settings, { timeLimits: { tlsMs: 200 } });
    const trouble = await nextHop.connect();
    assert.equal(trouble?.blocksAccount, true);
  });
});

describe("AUTH", () => {
  test("credentials do not travel in clear text", async () => {
    const { result, hop } = await sendOne({ auth: account }, { security: "none", auth: password });
    assert.equal(result.kind === "not_attempted" && result.trouble, "authentication");
    assert.deepEqual(hop.logins, []);
  });

  test("credentials travel in clear text where the account says so", async () => {
    const settings = { security: "none", auth: password, allowClearTextAuth: true } as const;
    const { result, hop } = await sendOne({ auth: account }, settings);
    assert.equal(result.kind, "success");
    assert.deepEqual(hop.logins, ["PLAIN"]);
  });

  test("LOGIN is used where PLAIN is not offered", async () => {
    const { result, hop } = await sendOne(
      { auth: account, authMechanisms: ["LOGIN"], tls: certificate },
      { security: "starttls", caPem: certificate.cert, auth: password },
    );
    assert.equal(result.kind, "success");
    assert.deepEqual(hop.logins, ["LOGIN"]);
  });

  test("an access token logs in with XOAUTH2", async () => {
    const auth = { kind: "oauth2", user: "tenant", accessToken: "secret" } as const;
    const { result, hop } = await sendOne(
      { auth: account, tls: certificate },
      { security: "starttls", caPem: certificate.cert, auth },
    );
    assert.equal(result.kind, "success");
    assert.deepEqual(hop.logins, ["XOAUTH2"]);
  });

  test("a refused login blocks the account as an authentication trouble", async () => {
    const auth = { ...password, pass: "wrong" };
    const { result } = await sendOne({ auth: account }, { security: "none", allowClearTextAuth: true, auth });
    assert.equal(result.kind === "not_attempted" && result.trouble, "authentication");
    assert.equal(result.kind === "not_attempted" && result.status, "5.7.8");
  });

  test("a refused access token blocks the account as an authentication trouble", async () => {
    const auth = { kind: "oauth2", user: "tenant", accessToken: "stale" } as const;
    const { result } = await sendOne({ auth: account }, { security: "none", allowClearTextAuth: true, auth });
    assert.equal(result.kind === "not_attempted" && result.trouble, "authentication");
  });
});

describe("reaching the next hop", () => {
  test("a port where nobody listens blocks the account", async () => {
    const hop = await startMisbehavingHop();
    await hop[Symbol.asyncDispose]();
    await using nextHop = openNextHop({ host: hop.host, port: hop.port, security: "none" }, { timeLimits });
    const trouble = await nextHop.connect();
    assert.equal(trouble?.status, "4.4.1");
    assert.equal(trouble?.blocksAccount, true);
  });

  test("a name that does not exist blocks the account", async () => {
    const settings = { host: "nowhere.invalid", port: 25, security: "none" } as const;
    await using nextHop = openNextHop(settings, { timeLimits: { ...timeLimits, dnsMs: 5_000 } });
    const trouble = await nextHop.connect();
    assert.equal(trouble?.blocksAccount, true);
    assert.match(trouble?.status ?? "", /^4\.4\.[34]$/);
  });

  test("a host name is looked up", async () => {
    await using hop = await startMisbehavingHop();
    await using nextHop = openNextHop({ host: "localhost", port: hop.port, security: "none" }, { timeLimits });
    assert.equal(await nextHop.connect(), undefined);
  });
});

describe("verify", () => {
  test("says what a next hop can do, and sends nothing", async () => {
    await using hop = await startMisbehavingHop({ auth: account, tls: certificate });
    hop.answers("mail", "550 5.7.1 not your address", { sender: "probe@foreign.example" });
    const report = await verifyNextHop(
      { host: hop.host, port: hop.port, security: "starttls", caPem: certificate.cert, auth: password },
      { timeLimits, foreignSender: "probe@foreign.example" },
    );
    assert.equal(report.ok, true);
    assert.deepEqual(
      report.steps.map(({ step, ok }) => `${step} ${ok}`),
      [
        "dns true",
        "connect true",
        "greeting true",
        "tls true",
        "login true",
        "null_reverse_path true",
        "foreign_sender false",
      ],
    );
    assert.equal(report.sizeLimitBytes, 52_428_800);
    assert.equal(report.acceptsNullReversePath, true);
    assert.equal(report.acceptsForeignSender, false);
    assert.match(report.tls?.version ?? "", /^TLSv1\.[23]$/);
    assert((report.tls?.certificateExpiresAt?.getTime() ?? 0) > Date.now());
    assert(report.extensions.includes("SMTPUTF8"));
    assert.deepEqual(report.authMechanisms, ["PLAIN", "LOGIN", "XOAUTH2"]);
    assert.equal(hop.messages.length, 0);
  });

  test("names the step that failed, and those before it", async () => {
    await using hop = await startMisbehavingHop({ auth: account });
    const settings = { host: hop.host, port: hop.port, security: "none", allowClearTextAuth: true } as const;
    const report = await verifyNextHop({ ...settings, auth: { ...password, pass: "wrong" } }, { timeLimits });
    assert.equal(report.ok, false);
    assert.deepEqual(
      report.steps.map(({ step, ok }) => `${step} ${ok}`),
      ["dns true", "connect true", "greeting true", "login false"],
    );
  });
});
