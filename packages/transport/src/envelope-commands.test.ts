import assert from "node:assert/strict";
import type { Envelope } from "@mailfleet/mail";
import { describe, test } from "vitest";
import { envelopeCommands } from "./envelope-commands.ts";

const all = { extensions: new Set(["SIZE", "PIPELINING", "DSN", "8BITMIME", "SMTPUTF8"]) };
const none = { extensions: new Set<string>() };
const plain: Envelope = {
  reversePath: "ann@example.org",
  recipients: [{ address: "bob@example.org" }],
  smtpUtf8: false,
  eightBit: false,
};

describe("MAIL and RCPT", () => {
  test("carry what was offered", () => {
    const envelope: Envelope = {
      ...plain,
      eightBit: true,
      ret: "HDRS",
      envid: "a+b=c d",
      recipients: [
        { address: "bob@example.org", notify: ["FAILURE", "DELAY"], orcpt: "rfc822;b+ob@example.org" },
        { address: "eve@example.org", notify: ["NEVER"] },
      ],
    };
    assert.deepEqual(envelopeCommands(envelope, 1_234, all), {
      ok: true,
      mail: "MAIL FROM:<ann@example.org> SIZE=1234 BODY=8BITMIME RET=HDRS ENVID=a+2Bb+3Dc+20d",
      rcpt: [
        "RCPT TO:<bob@example.org> NOTIFY=FAILURE,DELAY ORCPT=rfc822;b+2Bob@example.org",
        "RCPT TO:<eve@example.org> NOTIFY=NEVER",
      ],
    });
  });

  test("carry nothing that was not offered", () => {
    const envelope: Envelope = {
      ...plain,
      ret: "FULL",
      envid: "x",
      recipients: [{ address: "bob@example.org", notify: ["NEVER"] }],
    };
    assert.deepEqual(envelopeCommands(envelope, 1_234, none), {
      ok: true,
      mail: "MAIL FROM:<ann@example.org>",
      rcpt: ["RCPT TO:<bob@example.org>"],
    });
  });

  test("spell the null reverse-path as <>", () => {
    const commands = envelopeCommands({ ...plain, reversePath: "" }, 1, none);
    assert.equal(commands.ok && commands.mail, "MAIL FROM:<>");
  });

  test("spell a domain in A-labels, so that it needs no SMTPUTF8", () => {
    const commands = envelopeCommands({ ...plain, recipients: [{ address: "bob@bücher.example" }] }, 1, none);
    assert.deepEqual(commands.ok && commands.rcpt, ["RCPT TO:<bob@xn--bcher-kva.example>"]);
  });

  test("cannot be ended early by an address", () => {
    const evil = { ...plain, recipients: [{ address: "bob@example.org>\r\nRCPT TO:<eve@example.org" }] };
    assert.throws(() => envelopeCommands(evil, 1, none), TypeError);
  });

  const refusals = [
    ["a local part that is not ASCII", { ...plain, recipients: [{ address: "jörg@example.org" }] }, "smtputf8"],
    ["a header that is not ASCII", { ...plain, smtpUtf8: true }, "smtputf8"],
    ["bytes above 127", { ...plain, eightBit: true }, "8bitmime"],
  ] as const;
  for (const [what, envelope, feature] of refusals) {
    test(`are not said for ${what} where the next hop does not offer ${feature}`, () => {
      assert.deepEqual(envelopeCommands(envelope, 1, none), { ok: false, cause: { kind: "unsupported", feature } });
      assert.equal(envelopeCommands(envelope, 1, all).ok, true);
    });
  }

  test("are not said for more than the next hop takes", () => {
    const cause = { kind: "too_large", sizeBytes: 101, limitBytes: 100 };
    assert.deepEqual(envelopeCommands(plain, 101, { ...all, sizeLimitBytes: 100 }), { ok: false, cause });
    assert.equal(envelopeCommands(plain, 100, { ...all, sizeLimitBytes: 100 }).ok, true);
  });
});
