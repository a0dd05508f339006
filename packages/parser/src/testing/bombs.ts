/** Messages made to be expensive, each with how it must end: refused with a code, or read with something cut. */
export interface Bomb {
  readonly name: string;
  readonly make: () => Uint8Array;
  readonly code?: string;
  readonly cuts?: readonly string[];
}

export const neighbour = Buffer.from("From: ann@example.org\r\nSubject: Parcel\r\n\r\nWhere is my parcel?\r\n");

const header = "From: eve@example.net\r\nSubject: Boom\r\nMIME-Version: 1.0\r\n";
const mebibyte = 1_048_576;

const made = (fields: string, body: string) => () => Buffer.from(`${header}${fields}\r\n${body}`);
const filled =
  (fields: string, unit: string, sizeBytes: number, before = "") =>
  () =>
    Buffer.concat([Buffer.from(`${header}${fields}\r\n${before}`), Buffer.alloc(sizeBytes, unit)]);

const mixed = "Content-Type: multipart/mixed; boundary=b\r\n";
const html = "Content-Type: text/html\r\n";

const nested = (depth: number): string =>
  Array.from(
    { length: depth },
    (_, i) => `--b${i === 0 ? "" : i}\r\nContent-Type: multipart/mixed; boundary=b${i + 1}\r\n\r\n`,
  ).join("");
const continuations = (count: number): string =>
  `Content-Type: application/pdf${Array.from({ length: count }, (_, i) => `;\r\n name*${i}*=a`).join("")}\r\n`;

export const bombs: readonly Bomb[] = [
  { name: "100,000 empty parts", make: made(mixed, "--b\r\n\r\n".repeat(100_000)), code: "too_many_parts" },
  { name: "10,000 nested multiparts", make: made(mixed, nested(10_000)), code: "too_deep" },
  { name: "a header of 1 MiB", make: made(`X: ${"a".repeat(mebibyte)}\r\n`, "x"), code: "header_too_long" },
  { name: "60,000 fields", make: made("a:\r\n".repeat(60_000), "x"), code: "too_many_fields" },
  {
    name: "900 parts with 1,900 fields each",
    make: made(mixed, `--b\r\n${"a:\r\n".repeat(1_900)}\r\n`.repeat(900)),
    code: "header_too_long",
  },
  { name: "10,000 continuations (RFC 2231)", make: made(continuations(10_000), "x"), code: "too_many_parameters" },
  {
    name: "20,000 recipients",
    make: made(`To: ${"a@example.net,\r\n ".repeat(12_000)}b@example.net\r\n`, "x"),
    cuts: ["to_cut"],
  },
  {
    name: "a References of 250 kB",
    make: made(`References: ${"<a@b> ".repeat(40_000)}\r\n`, "x"),
    cuts: ["references_cut"],
  },
  { name: "26 MB of empty lines", make: filled("", "\n", 25 * mebibyte), cuts: ["text_cut"] },
  {
    name: "26 MB of lines that look like delimiters",
    make: filled(mixed, "--\n", 25 * mebibyte, "--b\r\n\r\n"),
    cuts: ["text_cut"],
  },
  {
    name: "26 MB of padded base64",
    make: filled("Content-Transfer-Encoding: base64\r\n", "QQ==", 25 * mebibyte),
    cuts: ["text_cut"],
  },
  {
    name: "26 MB of soft line breaks",
    make: filled("Content-Transfer-Encoding: quoted-printable\r\n", "a=\n", 25 * mebibyte),
    cuts: ["text_cut"],
  },
  {
    name: "26 MB of flowed lines",
    make: filled("Content-Type: text/plain; format=flowed\r\n", "a \n", 25 * mebibyte),
    cuts: ["text_cut"],
  },
  { name: "26 MB of nested elements", make: filled(html, "<b>", 25 * mebibyte), cuts: ["html_cut", "html_simplified"] },
  {
    name: "900 nested quotes around 100,000 lines",
    make: made(html, "<blockquote>".repeat(900) + "a<br>".repeat(97_000)),
    cuts: ["html_simplified"],
  },
  { name: "26 MB of open tags", make: filled(html, "<a ", 25 * mebibyte), cuts: ["html_cut", "html_text_cut"] },
];
