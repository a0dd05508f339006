import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { authenticationOf } from "./authentication-results.ts";
import { written } from "./testing/written.ts";

const author = ["From: Ann <ann@example.org>", "Subject: Hello"];
const read = (lines: readonly string[], ids: readonly string[] = ["mx.shop.example"]) =>
  authenticationOf(written(lines), ids);
const says = (value: string, ids?: readonly string[]) =>
  read([`Authentication-Results: ${value}`, ...author], ids).aligned;

describe("a pass counts where it speaks for the domain in From", () => {
  test.for([
    ["mx.shop.example; dmarc=pass header.from=example.org", true],
    ["mx.shop.example 1; dmarc=pass header.from=example.org", true],
    ["MX.Shop.Example; DMARC=Pass (p=reject dis=none) header.from=EXAMPLE.org", true],
    ['"mx.shop.example"; dmarc=pass header.from="example.org"', true],
    ["mx.shop.example; dmarc=fail header.from=example.org", false],
    ["mx.shop.example; dmarc=pass header.from=mail.example.org", false],
    ["mx.shop.example; dmarc=pass", false],
    ["mx.shop.example; dmarc=pass header.from=example.org; dmarc=fail header.from=example.org", false],
    ["mx.shop.example; dkim=pass header.d=example.org header.s=s1 header.b=AbC=", true],
    ["mx.shop.example; dkim=pass (2048-bit key; secure) header.i=@example.org", true],
    ["mx.shop.example; dkim=pass header.d=evil.example header.i=@example.org", false],
    ["mx.shop.example; dkim=fail header.d=example.org; dkim=pass header.d=example.org", true],
    ["mx.shop.example; dkim=pass header.d=evil.example", false],
    ["mx.shop.example; dkim=pass header.d=org", false],
    ["mx.shop.example; dkim=pass header.d=mail.example.org", false], // A child does not speak for its parent.
    ["mx.shop.example; dkim=neutral header.d=example.org", false],
    ["mx.shop.example; dkim/1=pass header.d=example.org", true],
    ["mx.shop.example; spf=pass smtp.mailfrom=bounce@example.org", true],
    ["mx.shop.example; spf=pass smtp.mailfrom=example.org", true],
    ["mx.shop.example; spf=pass smtp.mailfrom=SRS0=ab=cd=x=ann@example.org", true],
    ["mx.shop.example; spf=pass smtp.mailfrom=example.org@evil.example", false],
    ["mx.shop.example; spf=pass smtp.helo=example.org", false],
    ["mx.shop.example; spf=softfail smtp.mailfrom=example.org", false],
    ["mx.shop.example; spf=pass smtp.mailfrom=", false],
    ["mx.shop.example; arc=pass header.d=example.org", false],
    ["mx.shop.example; auth=pass smtp.auth=ann@example.org", false],
    ["mx.shop.example; none", false],
    ["mx.shop.example", false],
    ["", false],
  ] as const)("%s: %s", ([value, aligned]) => {
    expect(says(value)).toBe(aligned);
  });

  test("below the domain that signs, but not below a public suffix", () => {
    const signed = (from: string, domain: string) =>
      read([`Authentication-Results: mx.shop.example; dkim=pass header.d=${domain}`, `From: ann@${from}`]).aligned;
    expect(signed("mail.example.org", "example.org")).toBe(true);
    expect(signed("example.co.uk", "co.uk")).toBe(false);
    expect(signed("bücher.example", "xn--bcher-kva.example")).toBe(true);
  });

  test("not where From is two mailboxes", () => {
    const pass = "Authentication-Results: mx.shop.example; dmarc=pass header.from=example.org";
    expect(read([pass, "From: ann@example.org, eve@evil.example"]).aligned).toBe(false);
  });
});

describe("a sender cannot write a result into a field of ours", () => {
  test.for([
    [
      "in a comment",
      "mx.shop.example; spf=fail (mailfrom: ; dmarc=pass header.from=example.org) smtp.mailfrom=x@evil.example",
    ],
    [
      "in a nested comment",
      "mx.shop.example; spf=fail ((a); dmarc=pass header.from=example.org ) smtp.mailfrom=x@evil.example",
    ],
    [
      "in a quoted local part",
      'mx.shop.example; spf=fail smtp.mailfrom="; dmarc=pass header.from=example.org"@evil.example',
    ],
    ["in a quoted value", 'mx.shop.example; spf=fail reason="; dmarc=pass header.from=example.org"'],
    ["behind an escaped quote", 'mx.shop.example; spf=fail reason="\\"; dmarc=pass header.from=example.org"'],
    ["behind a quote that does not close", 'mx.shop.example; spf=fail reason="; dmarc=pass header.from=example.org'],
    ["behind a comment that does not close", "mx.shop.example; dmarc=pass header.from=example.org (oops"],
    ["with rubbish around it", "mx.shop.example; spf=fail a b; dmarc=pass header.from=example.org"],
    ["with the results first, as some servers write them", "dmarc=pass header.from=example.org"],
  ] as const)("%s", ([, value]) => {
    expect(says(value)).toBe(false);
  });
});

describe("only fields that our own servers wrote count (RFC 8601 sections 5 and 7.1)", () => {
  const ours = "Authentication-Results: mx.shop.example; dmarc=fail header.from=example.org";
  const forged = "Authentication-Results: mx.shop.example; dmarc=pass header.from=example.org";
  const foreign = "Authentication-Results: mx.evil.example; dmarc=pass header.from=example.org";
  const toUs = "Received: from evil.example by mx.shop.example with ESMTP; Sun, 22 Nov 2026 10:00:00 +0000";
  const within = "Received: from mx.shop.example by store-3.internal with LMTP; Sun, 22 Nov 2026 10:00:01 +0000";
  const toThem =
    "Received: from x (by mx.shop.example) by relay.evil.example with ESMTP; Sun, 22 Nov 2026 09:59:00 +0000";

  test.for([
    ["none is configured", [forged, ...author], [], false],
    ["another's", [foreign, ...author], ["mx.shop.example"], false],
    ["one of the configured", [foreign, forged, ...author], ["other.example", "MX.shop.example"], true],
    ["a sender's below ours", [ours, forged, ...author], ["mx.shop.example"], false],
    [
      "a sender's below ours that nobody can read",
      ["Authentication-Results: mx.shop.example; (", forged, ...author],
      ["mx.shop.example"],
      false,
    ],
    [
      "a sender's below ours that says nothing",
      ["Authentication-Results: mx.shop.example; none", forged, ...author],
      ["mx.shop.example"],
      false,
    ],
    ["above our own hop (Postfix with a milter)", [within, forged, toUs, toThem, ...author], ["mx.shop.example"], true],
    ["below our own hop (Gmail)", [within, toUs, forged, toThem, ...author], ["mx.shop.example"], true],
    [
      "the id is our organisation's",
      [toUs, "Authentication-Results: shop.example; dkim=pass header.d=example.org", ...author],
      ["shop.example"],
      true,
    ],
    ["below a foreign hop", [within, toUs, toThem, forged, ...author], ["mx.shop.example"], false],
    ["below the author's fields", [...author, forged], ["mx.shop.example"], false],
  ] as const)("%s", ([, lines, ids, aligned]) => {
    expect(read(lines, ids).aligned).toBe(aligned);
  });
});

describe("Exchange Online, whose fields name no server, counts as outlook.com", () => {
  const inner = "Received: from A.prod.outlook.com by B.prod.outlook.com; now";
  const front = "Received: from C.prod.protection.outlook.com by A.outlook.office365.com; now";
  const border = "Received: from evil.example by C.mail.protection.outlook.com; now";
  const sender = "Received: from x by y.evil.example; now";
  const nameless = (result: string) =>
    `Authentication-Results: spf=pass (sender IP is 192.0.2.1)\r\n smtp.mailfrom=x.example; shop.example; dkim=none (message not signed)\r\n header.d=none;shop.example; dmarc=${result} action=none\r\n header.from=example.org;compauth=pass reason=100`;
  test.for([
    ["its own", [inner, front, nameless("pass"), border, sender, ...author], ["outlook.com"], true],
    ["its own, below its border", [inner, front, border, nameless("pass"), sender, ...author], ["outlook.com"], true],
    ["its own, which failed", [inner, nameless("fail"), border, nameless("pass"), ...author], ["outlook.com"], false],
    ["a sender's, below a foreign hop", [inner, border, sender, nameless("pass"), ...author], ["outlook.com"], false],
    ["a sender's, at another server", [nameless("pass"), border, ...author], ["outlook.com"], false],
    ["where it is not configured", [inner, nameless("pass"), border, ...author], ["shop.example"], false],
  ] as const)("%s", ([, lines, ids, aligned]) => {
    expect(read(lines, ids).aligned).toBe(aligned);
  });
});

test("what was found out is told, with the domains", () => {
  const value = "mx.shop.example; spf=softfail smtp.mailfrom=a@b.example; dkim=pass header.d=EXAMPLE.org; iprev=pass";
  expect(read([`Authentication-Results: ${value}`, ...author])).toEqual({
    aligned: true,
    methods: [
      { method: "spf", result: "softfail", domain: "b.example", aligned: false },
      { method: "dkim", result: "pass", domain: "example.org", aligned: true },
    ],
  });
});

test("no field makes it throw or take its time", () => {
  const value = fc.string({ unit: fc.constantFrom(...'ab=;" ()\\.@/1') });
  fc.assert(
    fc.property(value, (text) => void says(`mx.shop.example${text}`)),
    { numRuns: 500 },
  );
  for (const unit of ["(", '"', "\\", "a=", ";", "a=b ", '"\\', " "]) {
    const hostile = { name: "Authentication-Results", value: `mx.shop.example;${unit.repeat(300_000)}` };
    expect(authenticationOf({ ...written(author), fields: [hostile] }, ["mx.shop.example"]).aligned).toBe(false);
  }
});
