/**
 * The parts of a message that nobody vouches for (RFC 2045, RFC 2046): bounded in bytes, depth and number, in linear
 * time, and never an exception. Messages inside of messages are leaves: what they hold is not said by their carrier.
 */
import { findField, type Header, readHeader } from "../message-header.ts";
import { type ContentType, readContentType } from "./content-type.ts";

export interface MimePart extends ContentType {
  readonly header: Header;
  /** As encoded. */
  readonly body: Uint8Array;
  /** Of a multipart, in their order; empty for all others. */
  readonly parts: readonly MimePart[];
}

/** What is beyond is not looked at: a report says all it has to say long before. */
export const mimeLimits = { bytes: 1_048_576, depth: 6, parts: 64, boundaryLength: 200, paddingLength: 64 } as const;

const LF = 10;
const CR = 13;
const HYPHEN = 45;

/** Reads the parts of a message; undefined where its header has no end. */
export function readMime(message: Uint8Array): MimePart | undefined {
  const budget = { parts: mimeLimits.parts };
  return readPart(message.subarray(0, mimeLimits.bytes), "text/plain", 0, budget);
}

/** All that is not a multipart, in order of appearance. */
export function leavesOf(part: MimePart): readonly MimePart[] {
  return part.parts.length === 0 ? [part] : part.parts.flatMap(leavesOf);
}

function readPart(
  bytes: Uint8Array,
  defaultType: string,
  depth: number,
  budget: { parts: number },
): MimePart | undefined {
  const header = readHeader(bytes);
  if (!header.ok) return undefined;
  const contentType = readContentType(findField(header, "Content-Type")?.value ?? defaultType);
  const body = bytes.subarray(header.bodyOffset);
  const boundary = contentType.parameters.get("boundary");
  const parts: MimePart[] = [];
  if (contentType.type.startsWith("multipart/") && boundary && depth < mimeLimits.depth) {
    const inner = contentType.type === "multipart/digest" ? "message/rfc822" : "text/plain";
    for (const piece of splitBody(body, boundary, budget)) {
      const part = readPart(piece, inner, depth + 1, budget);
      if (part) parts.push(part);
    }
  }
  return { ...contentType, header, body, parts };
}

/** What lies between delimiter lines (RFC 2046 section 5.1.1); the last piece may lack its end. */
function splitBody(body: Uint8Array, boundary: string, budget: { parts: number }): Uint8Array[] {
  if (boundary.length > mimeLimits.boundaryLength) return [];
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const delimiter = Buffer.from(`--${boundary}`);
  const pieces: Uint8Array[] = [];
  let start = -1;
  let at = 0;
  const take = (end: number): void => {
    if (start >= 0 && budget.parts-- > 0) pieces.push(bytes.subarray(start, Math.max(start, end)));
  };
  while (budget.parts > 0) {
    const found = bytes.indexOf(delimiter, at);
    if (found < 0) {
      take(bytes.length);
      return pieces;
    }
    at = found + delimiter.length;
    if (found > 0 && bytes[found - 1] !== LF) continue;
    const isLast = bytes[at] === HYPHEN && bytes[at + 1] === HYPHEN;
    const next = lineEnd(bytes, isLast ? at + 2 : at);
    if (next < 0) continue; // The beginning of a longer boundary.
    take(bytes[found - 2] === CR ? found - 2 : found - 1);
    if (isLast) return pieces;
    start = at = next;
  }
  return pieces;
}

/** Where the next line begins, if nothing but spaces is left of this one; else -1. */
function lineEnd(bytes: Buffer, from: number): number {
  for (let at = from; at < from + mimeLimits.paddingLength; at++) {
    const byte = bytes[at];
    if (byte === undefined) return at;
    if (byte === LF) return at + 1;
    if (byte !== 32 && byte !== 9 && byte !== CR) return -1;
  }
  return -1;
}
