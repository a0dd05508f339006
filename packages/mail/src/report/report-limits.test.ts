import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { readContentType } from "./content-type.ts";
import { leavesOf, mimeLimits, readMime } from "./mime-part.ts";
import { readReport } from "./read-report.ts";
import { reportLimits } from "./report.ts";

const folder = new URL("./testdata/", import.meta.url);
const corpus = readdirSync(folder).map((file) => readFileSync(new URL(file, folder)));

test("no bytes make it throw, however a report is mangled", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...corpus),
      fc.array(fc.record({ at: fc.nat(), cut: fc.nat(200), put: fc.uint8Array({ maxLength: 40 }) }), { maxLength: 6 }),
      (bytes, changes) => {
        let mangled: Uint8Array = bytes;
        for (const { at, cut, put } of changes) {
          const place = at % (mangled.length + 1);
          mangled = Buffer.concat([mangled.subarray(0, place), put, mangled.subarray(place + cut)]);
        }
        readReport(mangled);
      },
    ),
    { numRuns: 500 },
  );
});

test("no bytes at all make it throw", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 2_000 }), (bytes) => void readReport(bytes)));
});

const head = "From: MAILER-DAEMON@example.org\nReturn-Path: <>\n";
const report = `${head}Content-Type: multipart/report; boundary=b\n\n`;
const mib = 1_048_576;
const filled = (unit: string) => unit.repeat(Math.ceil(mib / unit.length));

/** What grows faster than its length elsewhere: repetition, nesting, almost-delimiters, almost-addresses. */
const hostile: readonly (readonly [name: string, text: string])[] = [
  ["empty parts", report + filled("--b\n\n")],
  ["almost delimiters", report + filled("\n--bx")],
  ["delimiters within lines", report + filled("--b")],
  ["padded delimiters", report + filled(`\n--b${" ".repeat(500)}x`)],
  ["nesting", filled("Content-Type: multipart/mixed; boundary=b\n\n--b\n")],
  ["parameters", `${head}Content-Type: multipart/report${filled(";boundary*1=b")}\n\n`],
  ["quotes", `${head}Content-Type: multipart/report; boundary="${filled('\\"')}\n\n`],
  ["one long line", `${head}\nThis is the qmail-send program at x\n${filled("a@")}`],
  ["recipients", `${head}\nThis is the qmail-send program at x\n${filled("<a@example.org>:\n550 5.1.1 no\n")}`],
  ["almost recipients", `${head}\nThis is the qmail-send program at x\n${filled("'*'*'*<\n")}`],
  ["code lines", `${head}\n${filled("550 5.1.1 <a@<a@<a@")}`],
  ["code lines apart", `${head}\n${filled("550 550 550 550 550 550 550 550 550 550 550 550 550 550 <a@\n")}`],
  ["groups", `${report}--b\nContent-Type: message/delivery-status\n\n${filled("Action: failed\n\n")}`],
  ["empty groups", `${report}--b\nContent-Type: message/delivery-status\n\n${filled("\n")}`],
  ["folded fields", `${report}--b\nContent-Type: message/delivery-status\n\nStatus: ${filled("5.\n ")}`],
  ["almost VERP", `${head}\nThis is the qmail-send program at x\n${filled("b+aaaaaaaaaaaaaaaaaaaaaaaaaa-")}`],
  ["Message-IDs", `${head}References: ${filled("<a@")}\n\n`],
  ["tags", `${head}Content-Type: text/html\n\n${filled("<")}`],
  ["entities", `${head}Content-Type: text/html\n\n${filled("&am")}`],
  ["escapes", `${head}Content-Transfer-Encoding: quoted-printable\n\n${filled("=\n")}`],
  ["rulers", `${head}\n${filled("- ")}\n${filled("----------------------------------------\n")}`],
  ["insufficient", `${head}\nThis is the qmail-send program at x\n<a@example.org>:\n${filled("insufficient ")}`],
];

test.for(hostile)("%s of a megabyte and more take less than a second", ([, text]) => {
  const bytes = Buffer.from(text + text);
  const began = performance.now();
  readReport(bytes);
  expect(performance.now() - began).toBeLessThan(1_000);
});

test("recipients, parts and depth end at their limits", () => {
  const lines = Array.from({ length: 150 }, (_, n) => `<a${n}@example.org>:\n550 5.1.1 no\n`).join("");
  const read = readReport(Buffer.from(`${head}\nThis is the qmail-send program at x\n${lines}`));
  expect(read?.kind === "delivery_status" && read.recipients.length).toBe(reportLimits.recipients);

  const root = readMime(Buffer.from(`${report}${"--b\n\nx\n".repeat(200)}--b--\n`));
  expect(root && leavesOf(root).length).toBe(mimeLimits.parts);

  const deep = Array.from({ length: 20 }, (_, n) => `Content-Type: multipart/mixed; boundary=b${n}\n\n--b${n}\n`).join(
    "",
  );
  let depth = 0;
  for (let part = readMime(Buffer.from(deep)); part?.parts[0]; part = part.parts[0]) depth++;
  expect(depth).toBe(mimeLimits.depth);
});

test("a report is found by what comes before the limit, however much it returns", () => {
  const [first = Buffer.alloc(0)] = corpus;
  const returned = Buffer.concat([first, Buffer.alloc(3 * mib, "x\n")]);
  expect(readReport(returned)).toEqual(readReport(first));
});

const contentTypes = [
  ['multipart/report; report-type=delivery-status; boundary="a;b"', "multipart/report", "a;b"],
  ["Multipart/Report (comment); BOUNDARY=x (comment)", "multipart/report", "x"],
  ['multipart/mixed; boundary*0="ab"; boundary*1="cd"', "multipart/mixed", "abcd"],
  ['multipart/mixed; boundary="a\\"b"; boundary=second', "multipart/mixed", 'a"b'],
  ["text/plain", "text/plain", undefined],
  ["", "", undefined],
] as const;

for (const [value, type, boundary] of contentTypes) {
  test(`Content-Type "${value}" is ${type || "nothing"}`, () => {
    const read = readContentType(value);
    expect([read.type, read.parameters.get("boundary")]).toEqual([type, boundary]);
  });
}
