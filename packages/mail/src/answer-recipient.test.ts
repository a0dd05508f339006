import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseAddress } from "./address.ts";
import { answerRecipient } from "./answer-recipient.ts";
import { written } from "./testing/written.ts";

const ownAddresses = ["help@shop.example", "Sales@shop.example"];
const to = (lines: readonly string[]) => {
  const recipient = answerRecipient(written(lines), { ownAddresses });
  return recipient.ok ? recipient.mailbox.address : recipient.reason;
};

describe("an answer goes to Reply-To where it is aligned with From, else to From", () => {
  test.for([
    [["From: Ann <ann@example.org>"], "ann@example.org"],
    [["From: ann@example.org (Ann)"], "ann@example.org"],
    [["From: Lee, Ann <ann@example.org>"], "ann@example.org"], // A name that lacks its quotes.
    [["From: =?utf-8?Q?Lee=2C_Ann?= <ann@example.org>"], "ann@example.org"],
    [["From: Ann\r\n\t<ann@example.org>"], "ann@example.org"],
    [["From: <ann@EXAMPLE.org>", "Reply-To: <tickets@example.org>"], "tickets@example.org"],
    [["From: ann@mail.example.org", "Reply-To: ann@example.org"], "ann@example.org"],
    [["From: ann@example.org", "Reply-To: ann@mail.example.org"], "ann@mail.example.org"],
    [["From: ann@example.org", "Reply-To: eve@evil.example"], "ann@example.org"],
    [["From: ann@co.uk", "Reply-To: eve@evil.co.uk"], "ann@co.uk"],
    [["From: ann@example.org", "Reply-To: bob@example.org, eve@evil.example"], "ann@example.org"],
    [["From: ann@example.org", "Reply-To: bob@example.org, cy@example.org"], "ann@example.org"],
    [["From: ann@example.org", "Reply-To: bob@example.org", "Reply-To: cy@example.org"], "ann@example.org"],
    [["From: ann@example.org", "Reply-To: "], "ann@example.org"],
    [["From: ann@example.org", "Reply-To: nonsense"], "ann@example.org"],
    [["From: ann@example.org", "Sender: eve@example.org", "Return-Path: <eve@example.org>"], "ann@example.org"],
    [["From: ann@example.org", "To: help@shop.example, eve@example.org", "Cc: eve@example.org"], "ann@example.org"],
  ] as const)("%j → %s", ([lines, address]) => {
    expect(to(lines)).toBe(address);
  });
});

describe("where only some senders are answered, an answer goes to Reply-To only where that is one of them", () => {
  const from = "From: ann@example.org";
  test.for([
    [["ann@example.org"], [from, "Reply-To: eve@example.org"], "ann@example.org"],
    [["ann@example.org", "Bob@EXAMPLE.org"], [from, "Reply-To: bob@example.org"], "bob@example.org"],
    [["@example.org"], [from, "Reply-To: bob@example.org"], "bob@example.org"],
    [["@example.org"], [from, "Reply-To: eve@mail.example.org"], "ann@example.org"],
    [["ann@example.org"], ["From: ann@shop.example", "Reply-To: help@shop.example"], "from_self"],
    [[], [from, "Reply-To: eve@example.org"], "eve@example.org"],
  ] as const)("%j, %j → %s", ([allowedSenders, lines, expected]) => {
    const recipient = answerRecipient(written(lines), { ownAddresses, allowedSenders });
    expect(recipient.ok ? recipient.mailbox.address : recipient.reason).toBe(expected);
  });
});

describe("nobody is answered where it is unclear who wrote", () => {
  test.for([
    ["no From (RFC 5322 section 3.6)", ["Reply-To: ann@example.org"], "no_reply_address"],
    ["an empty From", ["From: "], "no_reply_address"],
    ["two mailboxes in From (RFC 5322 section 3.6.2)", ["From: a@example.org, b@example.org"], "no_reply_address"],
    ["two From fields (RFC 5322 section 3.6)", ["From: a@example.org", "From: b@example.org"], "no_reply_address"],
    ["a group in From (RFC 6854)", ["From: Team: a@example.org;"], "no_reply_address"],
    ["an empty group in From (RFC 6854)", ["From: Nobody:;"], "no_reply_address"],
    ["a group in Reply-To", ["From: a@example.org", "Reply-To: Nobody:;"], "no_reply_address"],
    [
      "an address as name beside another",
      ["From: bank@example.org <eve@evil.example>, x@y.example"],
      "no_reply_address",
    ],
    ["a quote that does not close", ['From: "Ann <ann@example.org>'], "no_reply_address"],
    ["text after the address", ["From: <ann@example.org> <eve@evil.example>"], "no_reply_address"],
    ["the null path", ["From: <>"], "no_reply_address"],
    ["a bare name", ["From: root"], "no_reply_address"],
    ["ourselves", ["From: Help <HELP@shop.example>"], "from_self"],
    ["ourselves with a detail (RFC 5233)", ["From: sales+spring@shop.example"], "from_self"],
    ["ourselves in Reply-To", ["From: x@shop.example", "Reply-To: help@shop.example"], "from_self"],
  ] as const)("%s", ([, lines, reason]) => {
    expect(to(lines)).toBe(reason);
  });
});

test("the correspondent keeps the name that goes with the address, made harmless", () => {
  const message = written(["From: ann@example.org"], {
    from: [{ name: "Ann\r\nBcc: x \u202e", address: "Ann@EXAMPLE.org" }],
  });
  expect(answerRecipient(message, { ownAddresses })).toEqual({
    ok: true,
    mailbox: { name: "Ann Bcc: x", address: "ann@example.org" },
  });
  const other = { ...message, from: [{ name: "Eve", address: "eve@example.org" }] };
  expect(answerRecipient(other, { ownAddresses })).toEqual({ ok: true, mailbox: { address: "ann@example.org" } });
});

test("whatever the fields hold, the result is one address or none", () => {
  const field = fc.string({ unit: fc.constantFrom(...'ab@.<>"(),;:\\ \t[]+=?é') });
  fc.assert(
    fc.property(field, field, (from, replyTo) => {
      const fields = [
        { name: "From", value: from },
        { name: "Reply-To", value: replyTo },
      ];
      const recipient = answerRecipient({ ...written([]), fields }, { ownAddresses });
      if (recipient.ok) expect(parseAddress(recipient.mailbox.address).ok).toBe(true);
    }),
    { numRuns: 500 },
  );
});
