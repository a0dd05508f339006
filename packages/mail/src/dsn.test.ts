import { describe, expect, test } from "vitest";
import { composeDsn, type FailureDsn, maxReturnedBytes, wantsFailureDsn } from "./dsn.ts";
import { findField, readHeader } from "./message-header.ts";

const original = Buffer.from("Message-ID: <orig@x>\r\nSubject: Hi\r\n\r\nSecret body\r\n");
const dsn: FailureDsn = {
  to: "ann@example.org",
  reportingMta: "mx.example.org",
  messageId: "<dsn@x>",
  date: new Date("2026-11-27T10:00:00Z"),
  arrivedAt: new Date("2026-11-22T10:00:00Z"),
  original,
  failures: [
    {
      address: "bob@example.net",
      status: "5.1.1",
      reason: "no such user",
      replyCode: 550,
      remoteMta: "relay.example.net",
      lastAttemptAt: new Date("2026-11-22T10:00:05Z"),
    },
  ],
};

/** The header and the three parts of a DSN, as strings. */
function partsOf(changes: Partial<FailureDsn> = {}) {
  const composed = composeDsn({ ...dsn, ...changes });
  const text = Buffer.from(composed.bytes).toString("utf8");
  const header = readHeader(composed.bytes);
  if (!header.ok) throw new Error(header.code);
  const boundary = /boundary="([^"]+)"/.exec(findField(header, "Content-Type")!.value)![1]!;
  const [, human, machine, returned, end] = text.split(`\r\n--${boundary}`);
  expect(end).toBe("--\r\n");
  expect(text.replaceAll("\r\n", "")).not.toMatch(/[\r\n\0]/);
  for (const line of text.split("\r\n")) expect(line.length).toBeLessThanOrEqual(998);
  return { ...composed, text, header, human: human!, machine: machine!, returned: returned! };
}

test("a DSN is a multipart/report that no robot answers", () => {
  const { header, eightBit, smtpUtf8 } = partsOf();
  expect(findField(header, "Content-Type")?.value).toMatch(/^multipart\/report; report-type=delivery-status;/);
  expect(findField(header, "Auto-Submitted")?.value).toBe("auto-replied");
  expect(findField(header, "From")?.value).toBe("Mail Delivery System <MAILER-DAEMON@mx.example.org>");
  expect(findField(header, "To")?.value).toBe("<ann@example.org>");
  expect(findField(header, "In-Reply-To")?.value).toBe("<orig@x>");
  expect({ eightBit, smtpUtf8 }).toEqual({ eightBit: false, smtpUtf8: false });
});

test("its machine part has the fields of RFC 3464 for the message and for each recipient", () => {
  const failures = [...dsn.failures, { address: "cy@bücher.example", status: "4.4.1" as const, reason: "timed out" }];
  const { machine } = partsOf({ envid: "env 1", failures });
  expect(machine).toBe(
    [
      "",
      "Content-Type: message/delivery-status",
      "",
      "Original-Envelope-Id: env 1",
      "Reporting-MTA: dns; mx.example.org",
      "Arrival-Date: Sun, 22 Nov 2026 10:00:00 +0000",
      "",
      "Final-Recipient: rfc822; bob@example.net",
      "Action: failed",
      "Status: 5.1.1",
      "Remote-MTA: dns; relay.example.net",
      "Diagnostic-Code: smtp; 550 5.1.1 no such user",
      "Last-Attempt-Date: Sun, 22 Nov 2026 10:00:05 +0000",
      "",
      "Final-Recipient: rfc822; cy@xn--bcher-kva.example",
      "Action: failed",
      "Status: 4.4.1",
      "Diagnostic-Code: X-Mailfleet; 4.4.1 timed out",
      "",
    ].join("\r\n"),
  );
});

test("its human part names the recipient and the reason", () => {
  const { human } = partsOf();
  expect(human).toContain("<bob@example.net>\r\n    550 5.1.1 no such user\r\n");
});

describe("what is returned", () => {
  test("is the header alone, unless the sender asked for all", () => {
    for (const ret of [{}, { ret: "HDRS" as const }]) {
      const { returned } = partsOf(ret);
      expect(returned).toContain("Content-Type: text/rfc822-headers");
      expect(returned).toContain("Subject: Hi");
      expect(returned).not.toContain("Secret body");
    }
  });
  test("is the message, where the sender asked for all", () => {
    const { returned } = partsOf({ ret: "FULL" });
    expect(returned).toContain("Content-Type: message/rfc822");
    expect(returned).toContain("\r\n\r\nSecret body\r\n");
  });
  test("is the header of a message too large to return", () => {
    const large = Buffer.concat([original, Buffer.alloc(maxReturnedBytes, "x")]);
    expect(partsOf({ ret: "FULL", original: large }).returned).toContain("text/rfc822-headers");
  });
  test("makes the DSN eight-bit where the body is", () => {
    const { header, eightBit } = partsOf({ ret: "FULL", original: Buffer.from("A: b\r\n\r\nGrüße\r\n") });
    expect(eightBit).toBe(true);
    expect(findField(header, "Content-Transfer-Encoding")?.value).toBe("8bit");
  });
  test("is encoded where its header is internationalised, so that every next hop takes the DSN", () => {
    const utf8 = Buffer.from("Subject: Grüße\r\n\r\nbody\r\n");
    const { returned, eightBit } = partsOf({ original: utf8, ret: "FULL" });
    expect(eightBit).toBe(false);
    expect(returned).toContain("Content-Type: message/global\r\nContent-Transfer-Encoding: base64");
    expect(Buffer.from(returned.split("\r\n\r\n")[1]!, "base64").equals(utf8)).toBe(true);
    expect(partsOf({ original: utf8 }).returned).toContain("message/global-headers");
  });
});

describe("recipients", () => {
  const machineFor = (changes: object) => partsOf({ failures: [{ ...dsn.failures[0]!, ...changes }] }).machine;

  test("beyond ASCII are written as RFC 6533 spells them in ASCII", () => {
    expect(machineFor({ address: "用+户@例子.广告" })).toContain(
      "Final-Recipient: utf-8; \\x{7528}\\x{2B}\\x{6237}@\\x{4F8B}\\x{5B50}.\\x{5E7F}\\x{544A}\r\n",
    );
  });
  test("are told as the sender first wrote them", () => {
    expect(machineFor({ orcpt: "rfc822;Bob@Example.NET" })).toContain(
      "Original-Recipient: rfc822; Bob@Example.NET\r\n",
    );
    expect(machineFor({ orcpt: "utf-8;jürgen@x" })).toContain("Original-Recipient: utf-8; j\\x{FC}rgen@x\r\n");
  });
});

test("nothing that a next hop or a sender said can add a line", () => {
  const evil = "x\r\nBcc: e@x.test\r\n\r\nbody\0ü";
  const { text } = partsOf({
    envid: evil,
    original: Buffer.from("Message-ID: <a@b>\r\n evil\r\n\r\n"),
    failures: [
      {
        address: "b@b.test",
        status: "5.0.0",
        reason: `${evil}${"y".repeat(5_000)}`,
        replyCode: 550,
        remoteMta: evil,
        orcpt: `rfc822;${evil}`,
      },
    ],
  });
  expect(text).not.toMatch(/^Bcc/im);
});

test("an internationalised sender's DSN says that it needs SMTPUTF8", () => {
  const { smtpUtf8, eightBit, header } = partsOf({ to: "jürgen@bücher.example" });
  expect({ smtpUtf8, eightBit }).toEqual({ smtpUtf8: true, eightBit: true });
  expect(findField(header, "To")?.value).toBe("<jürgen@xn--bcher-kva.example>");
});

test("a failure is told unless nobody wants to hear of it", () => {
  expect(wantsFailureDsn("ann@example.org", undefined)).toBe(true);
  expect(wantsFailureDsn("ann@example.org", ["SUCCESS", "FAILURE"])).toBe(true);
  expect(wantsFailureDsn("ann@example.org", ["NEVER"])).toBe(false);
  expect(wantsFailureDsn("ann@example.org", ["SUCCESS", "DELAY"])).toBe(false);
  expect(wantsFailureDsn("", undefined)).toBe(false);
  expect(wantsFailureDsn("", ["FAILURE"])).toBe(false);
  expect(() => composeDsn({ ...dsn, to: "" })).toThrow(TypeError);
});
