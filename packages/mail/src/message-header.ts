/**
 * The header block of a message as bytes (RFC 5322): read, count, take away, add; bodies are never parsed or decoded.
 *
 * All of these work on a whole message as well as on its beginning alone, as long as the header block is complete.
 */
import { type HeaderField, isFieldName, writeField } from "./field.ts";

/** A field as it was found. */
export interface FoundField {
  /** As spelled; empty for a line that is no field. */
  readonly name: string;
  /** Unfolded, without spaces at its ends. Bytes that are not UTF-8 are replaced. */
  readonly value: string;
  /** The field's own bytes, with its line ends. */
  readonly raw: Uint8Array;
}

export interface Header {
  readonly fields: readonly FoundField[];
  /** Where the body begins, after the empty line; the length of the bytes where there is none. */
  readonly bodyOffset: number;
}

export type ReadHeader =
  | ({ readonly ok: true } & Header)
  | { readonly ok: false; readonly code: "header_too_long" | "header_too_many_fields"; readonly detail: string };

export const headerLimits = { bytes: 262_144, fields: 2_000 } as const;

const LF = 10;
const CR = 13;
const SPACE = 32;
const TAB = 9;
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const encoder = new TextEncoder();

/** Reads the header block. Lines may end in CRLF or LF; nothing else is changed or judged. */
export function readHeader(bytes: Uint8Array): ReadHeader {
  const fields: FoundField[] = [];
  let start = 0;
  while (start < bytes.length) {
    if (start > headerLimits.bytes) return tooLong();
    if (isEmptyLine(bytes, start)) {
      return { ok: true, fields, bodyOffset: start + (bytes[start] === CR ? 2 : 1) };
    }
    const end = fieldEnd(bytes, start);
    if (end > headerLimits.bytes) return tooLong();
    if (fields.length === headerLimits.fields) {
      return {
        ok: false,
        code: "header_too_many_fields",
        detail: `A header has at most ${headerLimits.fields} fields.`,
      };
    }
    fields.push(parseField(bytes.subarray(start, end)));
    start = end;
  }
  return { ok: true, fields, bodyOffset: bytes.length };
}

/** Whether a field is there; its name in any case. */
export function hasField(header: Header, name: string): boolean {
  return findField(header, name) !== undefined;
}

/** The first field of that name, in any case. */
export function findField({ fields }: Header, name: string): FoundField | undefined {
  const lower = name.toLowerCase();
  return fields.find((field) => field.name.toLowerCase() === lower);
}

/** How many hops the message says it has made; beyond a limit it goes in circles (RFC 5321 section 6.3). */
export function countReceived({ fields }: Header): number {
  return fields.reduce((count, { name }) => count + (name.toLowerCase() === "received" ? 1 : 0), 0);
}

/**
 * A copy of the message without some fields (`remove` is asked with lower-case names) and with others before or after
 * the rest. The body's bytes are the same.
 */
export function rewriteHeader(
  bytes: Uint8Array,
  header: Header,
  {
    remove = () => false,
    prepend = [],
    append = [],
  }: {
    readonly remove?: (name: string) => boolean;
    readonly prepend?: readonly HeaderField[];
    readonly append?: readonly HeaderField[];
  },
): Uint8Array {
  const kept = header.fields.filter(({ name }) => name === "" || !remove(name.toLowerCase()));
  const pieces: Uint8Array[] = [encoder.encode(prepend.map(writeField).join(""))];
  for (const { raw } of kept) {
    pieces.push(raw);
    if (raw.at(-1) !== LF) pieces.push(encoder.encode("\r\n"));
  }
  pieces.push(encoder.encode(`${append.map(writeField).join("")}\r\n`), bytes.subarray(header.bodyOffset));
  return Buffer.concat(pieces);
}

/** What a message lacks that a submission server gives it (RFC 6409 section 8), for `rewriteHeader`. */
export interface MissingFields {
  readonly append: readonly HeaderField[];
  /** Lower-case names: a field that is there but empty is in the way of the one that takes its place. */
  readonly replaced: ReadonlySet<string>;
}

/** The given Message-ID and Date, as far as the message has none of its own. */
export function missingFields(
  header: Header,
  given: { readonly messageId: () => string; readonly date: () => string },
): MissingFields {
  const append: HeaderField[] = [];
  if (!findField(header, "Message-ID")?.value) append.push({ name: "Message-ID", value: given.messageId() });
  if (!findField(header, "Date")?.value) append.push({ name: "Date", value: given.date() });
  return { append, replaced: new Set(append.map(({ name }) => name.toLowerCase())) };
}

/**
 * A copy of the message with the given Message-ID and Date where it has none of its own (RFC 6409 section 8), and the
 * Message-ID that it now has. The same bytes where nothing is missing.
 */
export function ensureMessageIdAndDate(
  bytes: Uint8Array,
  header: Header,
  missing: { readonly messageId: string; readonly date: string },
): { readonly bytes: Uint8Array; readonly messageId: string } {
  const own = findField(header, "Message-ID")?.value;
  const { append, replaced } = missingFields(header, { messageId: () => missing.messageId, date: () => missing.date });
  return {
    bytes: append.length === 0 ? bytes : rewriteHeader(bytes, header, { append, remove: (name) => replaced.has(name) }),
    messageId: own || missing.messageId,
  };
}

function parseField(raw: Uint8Array): FoundField {
  const text = decoder.decode(raw);
  const colon = text.indexOf(":");
  const name = text.slice(0, Math.max(colon, 0)).trimEnd(); // RFC 5322 section 4.5 lets old mail put spaces before the colon.
  if (!isFieldName(name)) return { name: "", value: text.trim(), raw };
  const value = text
    .slice(colon + 1)
    .replace(/\r?\n(?=[ \t])/g, "")
    .trim();
  return { name, value, raw };
}

/** After the line end that no space or tab follows. */
function fieldEnd(bytes: Uint8Array, start: number): number {
  let at = start;
  while (at < bytes.length) {
    const lf = bytes.indexOf(LF, at);
    if (lf < 0) return bytes.length;
    at = lf + 1;
    if (bytes[at] !== SPACE && bytes[at] !== TAB) return at;
    if (at > headerLimits.bytes) return at;
  }
  return bytes.length;
}

const isEmptyLine = (bytes: Uint8Array, at: number): boolean =>
  bytes[at] === LF || (bytes[at] === CR && bytes[at + 1] === LF);

const tooLong = () =>
  ({ ok: false, code: "header_too_long", detail: `A header has at most ${headerLimits.bytes} bytes.` }) as const;
