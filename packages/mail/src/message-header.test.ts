import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { envelopeFlags } from "./envelope-flags.ts";
import {
  countReceived,
  ensureMessageIdAndDate,
  findField,
  type Header,
  hasField,
  headerLimits,
  readHeader,
  rewriteHeader,
} from "./message-header.ts";
import { receivedField } from "./received.ts";

const bytesOf = (text: string) => Buffer.from(text);
const textOf = (bytes: Uint8Array) => Buffer.from(bytes).toString();

function headerOf(bytes: Uint8Array): Header {
  const header = readHeader(bytes);
  if (!header.ok) throw new Error(header.code);
  return header;
}

const message = bytesOf(
  [
    "Received: from a",
    "\tby b; today",
    "received: from c by d",
    "From: Ann <ann@example.org>",
    "BCC: hidden@example.net,",
    " more@example.net",
    "Mailfleet-Id: 42",
    "Subject: Grüße",
    "",
    "Bcc: this is body",
    ".",
    "",
  ].join("\r\n"),
);

test("fields are read unfolded, in order, and the body is left alone", () => {
  const header = headerOf(message);
  expect(header.fields.map(({ name, value }) => [name, value])).toEqual([
    ["Received", "from a\tby b; today"],
    ["received", "from c by d"],
    ["From", "Ann <ann@example.org>"],
    ["BCC", "hidden@example.net, more@example.net"],
    ["Mailfleet-Id", "42"],
    ["Subject", "Grüße"],
  ]);
  expect(textOf(message.subarray(header.bodyOffset))).toBe("Bcc: this is body\r\n.\r\n");
  expect(countReceived(header)).toBe(2);
  expect(hasField(header, "bcc")).toBe(true);
  expect(hasField(header, "Date")).toBe(false);
});

test("fields are removed with their folds, and others added before and after", () => {
  const rewritten = rewriteHeader(message, headerOf(message), {
    remove: (name) => name === "bcc" || name.startsWith("mailfleet-"),
    prepend: [{ name: "X-First", value: "1" }],
    append: [{ name: "X-Last", value: "2" }],
  });
  expect(textOf(rewritten)).toBe(
    "X-First: 1\r\nReceived: from a\r\n\tby b; today\r\nreceived: from c by d\r\nFrom: Ann <ann@example.org>\r\n" +
      "Subject: Grüße\r\nX-Last: 2\r\n\r\nBcc: this is body\r\n.\r\n",
  );
});

describe("a header block", () => {
  const rows: [name: string, text: string, names: string[], body: string][] = [
    ["may be all there is", "A: b\r\n", ["A"], ""],
    ["may lack its last line end", "A: b", ["A"], ""],
    ["may be empty", "\r\nbody", [], "body"],
    ["may have LF line ends", "A: b\n c\n\nbody", ["A"], "body"],
    ["may have an empty field", "A:\r\nB: c\r\n\r\n", ["A", "B"], ""],
    ["may have spaces before a colon", "A : b\r\n\r\n", ["A"], ""],
    ["may have a line that is no field", "From ann today\r\nA: b\r\n\r\nx", ["", "A"], "x"],
    ["may begin with a fold", " x\r\nA: b\r\n\r\n", ["", "A"], ""],
    ["of no bytes has no fields", "", [], ""],
  ];
  for (const [name, text, names, body] of rows) {
    test(name, () => {
      const header = headerOf(bytesOf(text));
      expect(header.fields.map((field) => field.name)).toEqual(names);
      expect(text.slice(header.bodyOffset)).toBe(body);
    });
  }

  test("that never ends is refused, soon", () => {
    expect(readHeader(Buffer.alloc(50_000_000, "a"))).toMatchObject({ ok: false, code: "header_too_long" });
    expect(readHeader(bytesOf("A: b\r\n c".repeat(100_000)))).toMatchObject({ ok: false, code: "header_too_long" });
    expect(readHeader(bytesOf("A: b\r\n".repeat(headerLimits.fields + 1)))).toMatchObject({
      code: "header_too_many_fields",
    });
  });

  test("comes out byte for byte as it went in, when nothing is to be changed", () => {
    const line = fc.constantFrom("A: b", "B:", " fold", "\tfold", "no field", "Ä: ö", "Bcc: x@y");
    fc.assert(
      fc.property(fc.array(line), fc.string(), (lines, body) => {
        const bytes = bytesOf(`${lines.map((text) => `${text}\r\n`).join("")}\r\n${body}`);
        const header = headerOf(bytes);
        expect(textOf(rewriteHeader(bytes, header, {}))).toBe(textOf(bytes));
        expect(header.fields.map(({ raw }) => textOf(raw)).join("")).toBe(lines.map((text) => `${text}\r\n`).join(""));
      }),
    );
  });

  test("cannot be given a field that ends early", () => {
    for (const value of ["a\r\nBcc: x", "a\nb", "a\rb", "a\0", "a\r\n", "a\r\n \r\n b"]) {
      expect(() => rewriteHeader(message, headerOf(message), { append: [{ name: "X", value }] })).toThrow(TypeError);
    }
    expect(() => rewriteHeader(message, headerOf(message), { append: [{ name: "X: y", value: "" }] })).toThrow(
      TypeError,
    );
  });
});

describe("Message-ID and Date", () => {
  const missing = { messageId: "<new@x>", date: "Sun, 22 Nov 2026 10:00:00 +0000" };
  const ensured = (text: string) => {
    const result = ensureMessageIdAndDate(bytesOf(text), headerOf(bytesOf(text)), missing);
    return { messageId: result.messageId, text: textOf(result.bytes) };
  };

  test("are added where they are missing", () => {
    expect(ensured("A: b\r\n\r\nbody")).toEqual({
      messageId: "<new@x>",
      text: `A: b\r\nMessage-ID: <new@x>\r\nDate: ${missing.date}\r\n\r\nbody`,
    });
  });
  test("are kept where they are", () => {
    const text = "message-id: <old@x>\r\nDate: then\r\n\r\nbody";
    expect(ensured(text)).toEqual({ messageId: "<old@x>", text });
  });
  test("replace empty ones", () => {
    expect(ensured("Message-ID:\r\nDate: then\r\n\r\nbody").text).toBe("Date: then\r\nMessage-ID: <new@x>\r\n\r\nbody");
  });
});

test("flags tell an internationalised header from an eight-bit body", () => {
  const flags = (text: string) => envelopeFlags(bytesOf(text), headerOf(bytesOf(text)).bodyOffset);
  expect(flags("A: b\r\n\r\nc")).toEqual({ eightBit: false, headerIsUtf8: false });
  expect(flags("A: b\r\n\r\nü")).toEqual({ eightBit: true, headerIsUtf8: false });
  expect(flags("A: ü\r\n\r\nc")).toEqual({ eightBit: true, headerIsUtf8: true });
});

describe("a Received field", () => {
  const date = new Date("2026-11-22T10:00:00Z");
  const hop = { by: "mx.example.org", with: "ESMTPSA", id: "0190-abc", date };

  test("says where, how, when and for whom", () => {
    const { value } = receivedField({
      ...hop,
      from: { ehlo: "client.test", ip: "192.0.2.1" },
      forAddress: "ann@bücher.example",
    });
    expect(value.replace(/\r\n/g, "")).toBe(
      "from client.test ([192.0.2.1]) by mx.example.org with ESMTPSA id 0190-abc" +
        " for <ann@xn--bcher-kva.example>; Sun, 22 Nov 2026 10:00:00 +0000",
    );
    for (const line of value.split("\r\n")) expect(line.length).toBeLessThanOrEqual(76);
  });

  test("writes an IPv6 address as a literal", () => {
    expect(receivedField({ ...hop, from: { ehlo: "[::1]", ip: "::1" } }).value).toContain("from [::1] ([IPv6:::1])");
  });

  test("takes nothing on trust that the client said", () => {
    for (const ehlo of ["x\r\nBcc: e@x.test", "x (y)", "ü", "", "x".repeat(10_000)]) {
      expect(receivedField({ ...hop, from: { ehlo, ip: "192.0.2.1" } }).value).toContain("from unknown ([192.0.2.1])");
    }
    expect(receivedField({ ...hop, forAddress: "jürgen@example.org" }).value).not.toContain("for <");
  });

  test("counts as a hop", () => {
    const bytes = rewriteHeader(message, headerOf(message), { prepend: [receivedField(hop)] });
    expect(countReceived(headerOf(bytes))).toBe(3);
    expect(findField(headerOf(bytes), "Received")?.value).toContain("id 0190-abc");
  });
});
