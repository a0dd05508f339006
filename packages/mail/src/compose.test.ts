import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { composeMessage, makeMessageId } from "./compose.ts";
import type { MessageFields } from "./message-fields.ts";
import { findField, readHeader } from "./message-header.ts";

const stamp = { messageId: "<01@example.org>", date: new Date("2026-11-22T10:00:00Z") };
const plain: MessageFields = { from: "ann@example.org", to: ["bob@example.net"], subject: "Hello", text: "Hi\nBob" };

async function composed(fields: MessageFields) {
  const result = await composeMessage(fields, stamp);
  if (!result.ok) throw new Error(`${result.field}: ${result.code}`);
  const header = readHeader(result.bytes);
  if (!header.ok) throw new Error(header.code);
  const text = Buffer.from(result.bytes).toString("utf8");
  return { ...result, header, text, body: Buffer.from(result.bytes.subarray(header.bodyOffset)).toString("utf8") };
}

test("a plain message has its fields, the fixed Message-ID and Date, and CRLF", async () => {
  const { text } = await composed(plain);
  expect(text.split("\r\n")).toEqual([
    "From: ann@example.org",
    "To: bob@example.net",
    "Subject: Hello",
    "Message-ID: <01@example.org>",
    "Date: Sun, 22 Nov 2026 10:00:00 +0000",
    "Content-Transfer-Encoding: 7bit",
    "MIME-Version: 1.0",
    "Content-Type: text/plain; charset=utf-8",
    "",
    "Hi",
    "Bob",
    "",
  ]);
});

test("recipients are each mailbox once, and those of bcc are in no header", async () => {
  const { recipients, text } = await composed({
    ...plain,
    to: ["Bob <bob@example.net>"],
    cc: [{ name: "Cy", address: "cy@bücher.example" }],
    bcc: ["secret@example.net", "BOB@example.net"],
  });
  expect(recipients).toEqual(["bob@example.net", "cy@bücher.example", "secret@example.net"]);
  expect(text).not.toMatch(/bcc|secret/i);
  expect(text).toContain("Cc: Cy <cy@xn--bcher-kva.example>");
});

test("names and subjects beyond ASCII are encoded words; an address beyond ASCII makes an internationalised header", async () => {
  const ascii = await composed({ ...plain, from: "Jürgen <j@bücher.example>", subject: "Grüße" });
  expect(ascii.headerIsUtf8).toBe(false);
  expect(ascii.text).toContain("From: =?UTF-8?Q?J=C3=BCrgen?= <j@xn--bcher-kva.example>");
  const utf8 = await composed({ ...plain, to: ["用户@例子.广告"] });
  expect(utf8).toMatchObject({ headerIsUtf8: true, eightBit: true });
});

test("text beyond ASCII is encoded, so ordinary mail is never eight-bit", async () => {
  const { eightBit, body } = await composed({ ...plain, text: "Grüße", html: "<p>Grüße</p>" });
  expect(eightBit).toBe(false);
  expect(body).toContain("Gr=C3=BC=C3=9Fe");
});

test("HTML refers to an attachment by its Content-ID", async () => {
  const { text } = await composed({
    ...plain,
    html: '<img src="cid:logo">',
    attachments: [
      { contentId: "logo", contentType: "image/png", content: "AAAA", filename: "logo.png" },
      { filename: 'Grüße; "a".pdf', content: Buffer.from("pdf").toString("base64") },
    ],
  });
  expect(text).toMatch(/multipart\/mixed.*multipart\/alternative.*multipart\/related/s);
  expect(text).toContain("Content-ID: <logo>");
  expect(text).toContain("Content-Disposition: inline; filename=logo.png");
  expect(text).toContain("Content-Type: application/pdf;");
  expect(text).toContain("filename*0*=utf-8''Gr%C3%BC%C3%9Fe%3B%20%22a%22.pdf");
});

test("a long run of spaces in an attachment's name or type is one space, and folds into no line that looks empty", async () => {
  const gap = " ".repeat(100);
  const { text } = await composed({
    ...plain,
    attachments: [
      { content: "", filename: `a${gap}b.txt`, contentType: "text/plain" },
      { content: "", filename: gap },
      { content: "", contentType: `text/plain;${gap}x="a${gap}b"` },
    ],
  });
  expect(text).toContain('filename="a b.txt"');
  expect(text).not.toMatch(/\r\n[ \t]+\r\n/);
});

test("an attached message travels as it is, and what holds it says that it is eight-bit", async () => {
  const attached = Buffer.from("Subject: inner\n\nGrüße\n").toString("base64");
  const message = await composed({ ...plain, attachments: [{ contentType: "message/rfc822", content: attached }] });
  expect(message.eightBit).toBe(true);
  expect(findField(message.header, "Content-Transfer-Encoding")?.value).toBe("8bit");
  expect(message.body).toContain("\r\nSubject: inner\r\n\r\nGrüße\r\n");
});

test("own headers keep their spelling and order, and may repeat", async () => {
  const { header } = await composed({
    ...plain,
    headers: { "x-my-THING": ["1", "2"], key: "k", value: "v", "List-Id": "ü" },
  });
  expect(header.fields.slice(0, 5).map(({ name, value }) => `${name}=${value}`)).toEqual([
    "x-my-THING=1",
    "x-my-THING=2",
    "key=k",
    "value=v",
    "List-Id==?UTF-8?B?w7w=?=",
  ]);
});

test("a file or an address in the content is only text", async () => {
  const hostile = { path: "/etc/passwd", href: "http://127.0.0.1/" };
  const { body } = await composed({ ...plain, attachments: [{ content: "aGk=", ...hostile }] });
  expect(body).toContain("aGk=");
  expect(body).not.toContain("root:");
});

describe("is refused", () => {
  const attachment = { content: "aGk=" };
  const rows: [why: string, fields: Partial<Record<keyof MessageFields, unknown>>, code: string, field: string][] = [
    ["a line break in an address", { to: ["b@b.test\r\nBcc: evil@x.test"] }, "address_control_character", "to[0]"],
    [
      "a line break in an address's parts",
      { to: [{ address: "b@b.test>\r\nBcc: <e@x.test" }] },
      "address_control_character",
      "to[0]",
    ],
    ["two addresses in one", { to: ["b@b.test, e@x.test"] }, "mailbox_malformed", "to[0]"],
    ["two addresses in one part", { to: [{ address: "b@b.test>, <e@x.test" }] }, "mailbox_malformed", "to[0]"],
    [
      "a line break in a name",
      { to: [{ name: "B\r\nBcc: e@x.test", address: "b@b.test" }] },
      "control_character",
      "to[0]",
    ],
    [
      "an endless name",
      { to: [{ name: "B".repeat(10_000_000), address: "b@b.test" }] },
      "mailbox_name_too_long",
      "to[0]",
    ],
    ["no recipient", { to: [] }, "no_recipients", "to"],
    ["too many recipients", { to: Array(1_001).fill("b@b.test") }, "too_many_recipients", "to"],
    ["a bad sender", { from: "<>" }, "address_empty", "from"],
    ["a line break in the subject", { subject: "Hi\r\nBcc: e@x.test" }, "control_character", "subject"],
    ["a NUL in the subject", { subject: "Hi\0" }, "control_character", "subject"],
    ["half a character in the subject", { subject: "\ud83d" }, "control_character", "subject"],
    ["an endless subject", { subject: "x".repeat(10_000_000) }, "subject_too_long", "subject"],
    ["half a character in the text", { text: "\ud83d" }, "malformed_text", "text"],
    ["half a character in the HTML", { html: "\ud83d" }, "malformed_text", "html"],
    ["a line break in a header", { headers: { "X-A": "a\r\nBcc: e@x.test" } }, "control_character", "headers.X-A"],
    ["a bare LF in a header", { headers: { "X-A": "a\nBcc: e@x.test" } }, "control_character", "headers.X-A"],
    ["a header without a value", { headers: { "X-A": " " } }, "empty_header", "headers.X-A"],
    ["a header that is too long", { headers: { "X-A": "a ".repeat(3_000) } }, "header_too_long", "headers.X-A"],
    ["a header that cannot be folded", { headers: { "X-A": "a".repeat(901) } }, "header_too_long", "headers.X-A"],
    ["too many headers", { headers: { "X-A": Array(101).fill("a") } }, "too_many_headers", "headers"],
    ["no Message-ID", { inReplyTo: "x" }, "bad_message_id", "inReplyTo"],
    ["two Message-IDs in one", { references: ["<a@b>", "<a@b> <c@d>"] }, "bad_message_id", "references[1]"],
    ["too many references", { references: Array(101).fill("<a@b>") }, "too_many_references", "references"],
    ["what is not base64", { attachments: [{ content: "a~==" }] }, "bad_base64", "attachments[0].content"],
    ["base64 without its padding", { attachments: [{ content: "aGk" }] }, "bad_base64", "attachments[0].content"],
    [
      "a line break in a filename",
      { attachments: [{ ...attachment, filename: "a\r\nb" }] },
      "bad_filename",
      "attachments[0].filename",
    ],
    [
      "a line break in a content type",
      { attachments: [{ ...attachment, contentType: "a/b\r\nX: y" }] },
      "bad_content_type",
      "attachments[0].contentType",
    ],
    [
      "an attachment of parts",
      { attachments: [{ ...attachment, contentType: "Multipart/mixed; boundary=x" }] },
      "bad_content_type",
      "attachments[0].contentType",
    ],
    [
      "a Content-ID with a bracket",
      { attachments: [{ ...attachment, contentId: "a>" }] },
      "bad_content_id",
      "attachments[0].contentId",
    ],
    [
      "an attached message with endless lines",
      { attachments: [{ content: Buffer.alloc(3_000, "x").toString("base64"), contentType: "message/rfc822" }] },
      "bad_attached_message",
      "attachments[0].content",
    ],
    ["too many attachments", { attachments: Array(101).fill(attachment) }, "too_many_attachments", "attachments"],
  ];
  for (const [why, fields, code, field] of rows) {
    test(`${why}, as ${code}`, async () => {
      expect(await composeMessage({ ...plain, ...fields } as MessageFields, stamp)).toMatchObject({
        ok: false,
        code,
        field,
      });
    });
  }

  for (const name of [
    "From",
    "to",
    "BCC",
    "Date",
    "Message-ID",
    "Content-Type",
    "content-x",
    "MIME-Version",
    "DKIM-Signature",
    "Received",
    "Return-Path",
    "Sender",
    "Resent-To",
    "Mailfleet-Id",
  ]) {
    test(`the header ${name}, which the fleet writes itself`, async () => {
      const result = await composeMessage({ ...plain, headers: { [name]: "x" } }, stamp);
      expect(result).toMatchObject({ code: "reserved_header", field: `headers.${name}` });
    });
  }
  for (const name of ["", "X A", "X:A", "X\r\nBcc", "X-Ü", "X\0", "x".repeat(77)]) {
    test(`the header name ${JSON.stringify(name.slice(0, 20))}`, async () => {
      expect(await composeMessage({ ...plain, headers: { [name]: "x" } }, stamp)).toMatchObject({
        code: "bad_header_name",
      });
    });
  }
});

describe("whatever is composed", () => {
  const clean = fc.string({ unit: fc.constantFrom(...'aü :;,<>@()"\\=?._-例', "😀"), minLength: 1, maxLength: 80 });
  const nasty = fc.string({ unit: fc.constantFrom("a", "\r\n", "\n", "\0", "\ud800", "\t"), maxLength: 9 });
  const spaced = fc.tuple(clean, fc.integer({ min: 0, max: 400 }), clean).map(([a, n, b]) => a + " ".repeat(n) + b);
  const line = fc.oneof(
    { weight: 15, arbitrary: clean },
    { weight: 4, arbitrary: spaced },
    { weight: 1, arbitrary: nasty },
  );
  const address = fc.emailAddress();
  const named = fc.record({ name: line, address });
  const fields: fc.Arbitrary<MessageFields> = fc.record(
    {
      from: fc.oneof(address, named),
      to: fc.array(fc.oneof(address, named), { minLength: 1, maxLength: 4 }),
      bcc: fc.array(fc.constant("hidden@bcc.example"), { maxLength: 1 }),
      subject: line,
      text: fc.oneof(line, fc.string(), fc.constant("x".repeat(3_000))),
      html: fc.oneof(line, fc.string()),
      headers: fc.dictionary(fc.constantFrom("X-A", "x-b", "List-Unsubscribe", "__proto__"), line, { maxKeys: 3 }),
      attachments: fc.array(
        fc.record({
          filename: line,
          content: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes).toString("base64")),
          contentType: fc.constantFrom("text/plain", "application/pdf", "message/rfc822", "image/png; x=y"),
        }),
        { maxLength: 2 },
      ),
    },
    { requiredKeys: ["from", "to"] },
  );

  test("has exactly the fields it should, CRLF lines of at most 998 octets, no NUL, and no hidden recipient", async () => {
    let accepted = 0;
    await fc.assert(
      fc.asyncProperty(fields, async (input) => {
        const result = await composeMessage(input, stamp);
        if (!result.ok) {
          expect(result.field).not.toBe("");
          return;
        }
        accepted++;
        const text = Buffer.from(result.bytes).toString("latin1");
        expect(text.replaceAll("\r\n", "")).not.toMatch(/[\r\n\0]/);
        for (const line of text.split("\r\n")) expect(line.length).toBeLessThanOrEqual(998);
        expect(text).not.toContain("hidden@bcc.example");
        const header = readHeader(result.bytes);
        if (header.ok) expect(text.slice(0, header.bodyOffset - 4)).not.toMatch(/\r\n[ \t]*\r\n/);
        const names = header.ok ? header.fields.map(({ name }) => name.toLowerCase()) : [];
        const allowed = [...Object.keys(input.headers ?? {}).map((name) => name.toLowerCase())];
        allowed.push("from", "to", "subject", "message-id", "date", "mime-version");
        allowed.push("content-type", "content-transfer-encoding", "content-disposition", "content-id");
        expect(names.filter((name) => !allowed.includes(name))).toEqual([]);
        for (const once of ["from", "date", "message-id"])
          expect(names.filter((name) => name === once)).toHaveLength(1);
        const again = await composeMessage(input, stamp);
        expect(again.ok && Buffer.compare(again.bytes, result.bytes)).toBe(0);
      }),
      { numRuns: 400 },
    );
    expect(accepted).toBeGreaterThan(100);
  });
});

test("a Message-ID of ours has its domain in A-labels", () => {
  expect(makeMessageId("bücher.example", "0190")).toBe("<0190@xn--bcher-kva.example>");
  expect(makeMessageId("[192.0.2.1]", "0190")).toBe("<0190@[192.0.2.1]>");
  expect(() => makeMessageId("x>\r\ny", "0190")).toThrow(TypeError);
});
