import { readdirSync, readFileSync } from "node:fs";
import { parsedLimits } from "@mailfleet/mail";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readMessage } from "./read-message.ts";

const folder = new URL("testdata/", import.meta.url);
const corpus = readdirSync(folder)
  .filter((name) => name.endsWith(".eml"))
  .map((name) => readFileSync(new URL(name, folder)));

const read = (text: string) => {
  const result = readMessage(Buffer.from(text), false);
  if (!result.ok) throw new Error(result.code);
  return result.message;
};

describe("whatever the bytes are", () => {
  const change = fc.record({ at: fc.nat(), bytes: fc.uint8Array({ maxLength: 6 }), drop: fc.nat({ max: 20 }) });
  const changed = fc
    .tuple(fc.constantFrom(...corpus), fc.array(change, { minLength: 1, maxLength: 8 }))
    .map(([message, changes]) =>
      changes.reduce((bytes, { at, bytes: inserted, drop }) => {
        const place = at % (bytes.length + 1);
        return Buffer.concat([bytes.subarray(0, place), inserted, bytes.subarray(place + drop)]);
      }, message),
    );

  test("a message is read or refused, never thrown at, and what is read can be stored and written again", () => {
    fc.assert(
      fc.property(changed, (bytes) => {
        const result = readMessage(bytes, true);
        if (!result.ok) return;
        const { message } = result;
        const json = JSON.stringify({ ...message, attachments: message.attachments.map(({ filename }) => filename) });
        expect(json.includes("\\u0000")).toBe(false);
        expect(json.isWellFormed() && !/\\ud[89a-f]/.test(json)).toBe(true);
        // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what would begin a new field.
        expect(/[\u0000-\u001f\u007f]/.test(message.subject + message.from.map(({ name }) => name))).toBe(false);
        for (const { content, sizeBytes } of message.attachments) expect(content?.length).toBe(sizeBytes);
      }),
      { numRuns: 500 },
    );
  });
});

describe("texts keep within their limits", () => {
  test("a long text is cut, and says so", () => {
    const message = read(`Subject: x\r\n\r\n${"ab ".repeat(400_000)}`);
    expect([message.text.length, message.cuts]).toEqual([parsedLimits.textLength, ["text_cut"]]);
  });

  test("many texts together are held to the limit of one", () => {
    const part = `--b\r\n\r\n${"a".repeat(300_000)}\r\n`;
    const message = read(`Content-Type: multipart/mixed; boundary=b\r\n\r\n${part.repeat(5)}--b--`);
    expect([message.text.length, message.cuts]).toEqual([parsedLimits.textLength, ["text_cut"]]);
  });

  test("the newest references are kept", () => {
    const ids = Array.from({ length: 150 }, (_, i) => `<${i}@example.org>`);
    const message = read(`References: ${ids.join("\r\n ")}\r\n\r\nx`);
    expect(message.references).toEqual(ids.slice(50));
    expect(message.cuts).toEqual(["references_cut"]);
  });

  test("no Message-ID is kept that an answer could not name", () => {
    const long = `<${"a".repeat(300)}@example.org>`;
    const message = read(`Message-ID: ${long}\r\nReferences: ${long} <a@b>\r\n\r\nx`);
    expect([message.messageId, message.references]).toEqual([undefined, ["<a@b>"]]);
  });
});

test.each([
  ["nested quotes", `${"<blockquote>".repeat(40)}The words${"</blockquote>".repeat(40)}`],
  ["elements that stay open", `<style>p{}</style>${"<b>".repeat(1_200)}The words &amp; more`],
])("HTML with too many %s loses its tags and keeps its words", (_, html) => {
  const message = read(`Content-Type: text/html\r\n\r\n${html}`);
  expect(message.text).toMatch(/^The words( & more)?$/);
  expect(message.cuts).toEqual(["html_simplified"]);
});

test("quotes as deep as people make them are read as quotes", () => {
  const message = read(`Content-Type: text/html\r\n\r\n<p>Yes</p>${"<blockquote>why".repeat(20)}`);
  expect(message.text).toMatch(/^Yes\n\n> why\n>\s*\n> > why/);
  expect(message.cuts).toEqual([]);
});
