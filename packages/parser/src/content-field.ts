/** Content-Type and Content-Disposition: a value and its parameters (RFC 2045 section 5.1, RFC 2183, RFC 2231). */
import { decodeCharset } from "./charset.ts";
import { parseLimits } from "./parse-limits.ts";

export interface ContentField {
  /** Lower case, without comments and parameters; empty where there is none. */
  readonly value: string;
  /** Names in lower case; continuations are joined and decoded. Of two with one name the first counts. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** Reads such a field, in one pass; `undefined` where it has more than `parseLimits.parameters`. */
export function readContentField(text: string): ContentField | undefined {
  const [value = "", ...rest] = splitParameters(text, parseLimits.parameters + 2);
  if (rest.length > parseLimits.parameters) return undefined;
  const plain = new Map<string, string>();
  const extended = new Map<string, Segment[]>();
  for (const parameter of rest) {
    const equals = parameter.indexOf("=");
    if (equals < 0) continue;
    const name = parameter.slice(0, equals).trim().toLowerCase();
    const written = parameter.slice(equals + 1).trim();
    const continued = /^([^*]+)\*(?:(\d{1,4})(\*)?)?$/.exec(name);
    if (!continued) {
      if (!plain.has(name)) plain.set(name, unquote(written));
      continue;
    }
    const key = continued[1]!;
    const segments = extended.get(key) ?? [];
    segments.push({
      number: Number(continued[2] ?? 0),
      encoded: continued[2] === undefined || continued[3] === "*",
      text: unquote(written),
    });
    extended.set(key, segments);
  }
  for (const [name, segments] of extended) {
    const joined = joinSegments(segments);
    if (joined !== undefined) plain.set(name, joined);
  }
  return { value: value.trim().toLowerCase(), parameters: plain };
}

interface Segment {
  readonly number: number;
  readonly encoded: boolean;
  readonly text: string;
}

/** RFC 2231 sections 3 and 4: from segment 0 on without a gap; a character may begin in one and end in the next. */
function joinSegments(segments: readonly Segment[]): string | undefined {
  const byNumber = new Map<number, Segment>();
  for (const segment of segments) if (!byNumber.has(segment.number)) byNumber.set(segment.number, segment);
  if (!byNumber.has(0)) return undefined;
  let charset = "utf-8";
  let text = "";
  let pending: number[] = [];
  const flush = () => {
    if (pending.length > 0) text += decodeCharset(Uint8Array.from(pending), charset).text;
    pending = [];
  };
  for (let number = 0; ; number++) {
    const segment = byNumber.get(number);
    if (!segment) break;
    let rest = segment.text;
    if (segment.encoded && number === 0) {
      const declared = /^([^']*)'[^']*'/.exec(rest);
      if (declared) {
        charset = declared[1] || charset;
        rest = rest.slice(declared[0].length);
      }
    }
    if (segment.encoded) percentDecode(rest, pending);
    else {
      flush();
      text += rest;
    }
  }
  flush();
  return text;
}

const encoder = new TextEncoder();

function percentDecode(text: string, into: number[]): void {
  for (const piece of text.split(/(%[0-9a-f]{2})/i)) {
    if (/^%[0-9a-f]{2}$/i.test(piece)) into.push(Number.parseInt(piece.slice(1), 16));
    else for (const byte of encoder.encode(piece)) into.push(byte);
  }
}

/** Splits at the semicolons that stand in neither quotes nor comments, and leaves the comments out; at most `most` pieces. */
function splitParameters(text: string, most: number): string[] {
  const pieces: string[] = [];
  let start = 0;
  let piece = "";
  let i = 0;
  for (; i < text.length && pieces.length < most; i++) {
    const c = text[i];
    if (c === '"') {
      const close = closingQuote(text, i);
      if (close < 0) break; // The rest is one piece; `unquote` takes the quote off.
      i = close;
    } else if (c === "(" && (pieces.length === 0 || start === i || /\s/.test(text[i - 1]!))) {
      const close = closingParenthesis(text, i);
      if (close < 0) continue;
      piece += text.slice(start, i);
      start = close + 1;
      i = close;
    } else if (c === ";") {
      pieces.push(piece + text.slice(start, i));
      piece = "";
      start = i + 1;
    }
  }
  if (pieces.length < most) pieces.push(piece + text.slice(start));
  return pieces;
}

function closingQuote(text: string, from: number): number {
  for (let i = from + 1; i < text.length; i++) {
    if (text[i] === "\\") i++;
    else if (text[i] === '"') return i;
  }
  return -1;
}

function closingParenthesis(text: string, from: number): number {
  // An unclosed one would be looked for to the end of the field each time.
  const end = Math.min(text.length, from + 256);
  let depth = 0;
  for (let i = from; i < end; i++) {
    if (text[i] === "\\") i++;
    else if (text[i] === "(") depth++;
    else if (text[i] === ")" && --depth === 0) return i;
  }
  return -1;
}

/** What stands in the quotes; what follows them is junk. A value without quotes ends at nothing. */
function unquote(text: string): string {
  if (!text.startsWith('"')) return text;
  const close = closingQuote(text, 0);
  return text.slice(1, close < 0 ? text.length : close).replace(/\\(.)/gsu, "$1");
}
