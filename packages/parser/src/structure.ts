/**
 * The MIME structure of a message (RFC 2045, RFC 2046): which part lies where. Bytes are counted here and not yet
 * decoded, so that a message made to be expensive is refused before it costs anything.
 *
 * Bodies are searched for delimiter lines byte by byte, so that the time goes with their length, and not with the
 * number of lines or of anything else that the sender chooses.
 */
import { findField, type Header, readHeader } from "@mailfleet/mail";
import { type ContentField, readContentField } from "./content-field.ts";
import { parseLimits } from "./parse-limits.ts";
import { type ParseRefusal, refusal } from "./parse-result.ts";

export interface Part {
  /** `type/subtype`, lower case. */
  readonly contentType: string;
  readonly parameters: ReadonlyMap<string, string>;
  readonly disposition: ContentField | undefined;
  /** Lower case; empty where it is not said. */
  readonly encoding: string;
  readonly contentId: string | undefined;
  /** The encoded body of a part without children: a view into the message. */
  readonly body: Uint8Array;
  readonly children: readonly Part[];
}

export interface Structure {
  readonly ok: true;
  readonly header: Header;
  readonly root: Part;
  /** `boundary_missing`: a multipart without one is read as text. `parts_missing`: one in which no part begins. */
  readonly cuts: readonly ("boundary_missing" | "parts_missing")[];
}

/** A part whose end is not reached yet. */
interface OpenPart {
  readonly fields: PartFields;
  readonly bodyStart: number;
  readonly children: Part[];
  readonly boundary: Uint8Array | undefined;
}

type PartFields = Omit<Part, "body" | "children">;

const LF = 10;
const CR = 13;
const HYPHEN = 45;
const SPACE = 32;
const TAB = 9;
const noBytes = new Uint8Array(0);

/** Reads the structure of a whole message. */
export function readStructure(bytes: Buffer): Structure | ParseRefusal {
  const header = readHeader(bytes);
  if (!header.ok) {
    return refusal(header.code === "header_too_long" ? "header_too_long" : "too_many_fields", header.detail);
  }
  const cuts = new Set<Structure["cuts"][number]>();
  const root = openPart(header, header.bodyOffset, "text/plain", cuts);
  if ("ok" in root) return root;

  const open: OpenPart[] = [root];
  let parts = 0;
  let headersBytes = 0;

  const close = (end: number) => {
    const part = closePart(open.pop()!, bytes, end, cuts);
    open.at(-1)?.children.push(part);
    return part;
  };

  // Without a boundary there is nothing to look for.
  let at = root.boundary === undefined ? bytes.length : header.bodyOffset;
  while (at < bytes.length) {
    const found = nextDelimiter(bytes, at, open);
    if (!found) break;
    at = found.next;
    while (open.length - 1 > found.index) close(found.bodyEnd);
    if (found.isLast) {
      if (open.length === 1) break; // The epilogue of the whole message.
      close(found.bodyEnd);
      continue;
    }
    if (++parts > parseLimits.parts) return tooManyParts();
    if (open.length > parseLimits.depth) return tooDeep();

    const headerEnd = partHeaderEnd(bytes, at, open);
    headersBytes += headerEnd - at;
    if (headersBytes > parseLimits.partHeadersBytes) return headersTooLong();
    const partHeader = readHeader(bytes.subarray(at, headerEnd));
    if (!partHeader.ok) {
      return partHeader.code === "header_too_long"
        ? headersTooLong()
        : refusal("too_many_fields", "A part's header has too many fields.");
    }
    const isDigest = open.at(-1)!.fields.contentType === "multipart/digest";
    const part = openPart(partHeader, headerEnd, isDigest ? "message/rfc822" : "text/plain", cuts);
    if ("ok" in part) return part;
    open.push(part);
    at = headerEnd;
  }
  while (open.length > 1) close(bytes.length);
  return { ok: true, header, root: close(bytes.length), cuts: [...cuts] };
}

function openPart(
  header: Header,
  bodyStart: number,
  defaultType: string,
  cuts: Set<Structure["cuts"][number]>,
): OpenPart | ParseRefusal {
  const type = readContentField(findField(header, "Content-Type")?.value ?? "");
  const disposition = readContentField(findField(header, "Content-Disposition")?.value ?? "");
  if (!type || !disposition) {
    return refusal("too_many_parameters", `A field has at most ${parseLimits.parameters} parameters.`);
  }
  const named = disposition.parameters.has("filename") || type.parameters.has("name");
  let contentType = /^[\w!#$&^.+-]{1,126}\/[\w!#$&^.+-]{1,126}$/.test(type.value) ? type.value : "";
  // RFC 2045 section 5.2: a type that is none is text, which a file with a name rarely is.
  if (contentType === "") contentType = type.value !== "" && named ? "application/octet-stream" : defaultType;

  let boundary: Uint8Array | undefined;
  if (contentType.startsWith("multipart/")) {
    boundary = Buffer.from(type.parameters.get("boundary") ?? "");
    if (boundary.length === 0 || boundary.length > parseLimits.boundaryLength) {
      boundary = undefined;
      contentType = "text/plain";
      cuts.add("boundary_missing");
    }
  }
  const fields: PartFields = {
    contentType,
    parameters: type.parameters,
    disposition: disposition.value === "" ? undefined : disposition,
    encoding: (findField(header, "Content-Transfer-Encoding")?.value ?? "").toLowerCase().match(/[\w-]+/)?.[0] ?? "",
    contentId: /[^<>\s]{1,255}/.exec(findField(header, "Content-ID")?.value ?? "")?.[0],
  };
  return { fields, bodyStart, children: [], boundary };
}

function closePart(part: OpenPart, bytes: Buffer, end: number, cuts: Set<Structure["cuts"][number]>): Part {
  if (part.boundary !== undefined && part.children.length === 0) cuts.add("parts_missing");
  const body = part.boundary === undefined ? bytes.subarray(part.bodyStart, Math.max(part.bodyStart, end)) : noBytes;
  return { ...part.fields, body, children: part.children };
}

interface Delimiter {
  /** The multipart's place among the open parts. */
  readonly index: number;
  readonly isLast: boolean;
  /** Where the body before it ends: the line break belongs to the delimiter (RFC 2046 section 5.1.1). */
  readonly bodyEnd: number;
  readonly next: number;
}

/** The next line that is a delimiter of an open multipart; `at` is the beginning of a line. */
function nextDelimiter(bytes: Buffer, at: number, open: readonly OpenPart[]): Delimiter | undefined {
  for (let start = at; start < bytes.length; start++) {
    const found = delimiterAt(bytes, start, open);
    if (found) return found;
    while (start < bytes.length && bytes[start] !== LF) start++;
  }
  return undefined;
}

/** The delimiter in the line that begins at `start`: of the innermost multipart that it fits. */
function delimiterAt(bytes: Buffer, start: number, open: readonly OpenPart[]): Delimiter | undefined {
  if (bytes[start] !== HYPHEN || bytes[start + 1] !== HYPHEN) return undefined;
  for (let index = open.length - 1; index >= 0; index--) {
    const boundary = open[index]!.boundary;
    if (boundary === undefined || !startsWith(bytes, start + 2, boundary)) continue;
    const after = start + 2 + boundary.length;
    const isLast = bytes[after] === HYPHEN && bytes[after + 1] === HYPHEN;
    const next = afterBlanks(bytes, isLast ? after + 2 : after);
    if (next >= 0) return { index, isLast, bodyEnd: bytes[start - 2] === CR ? start - 2 : start - 1, next };
  }
  return undefined;
}

function startsWith(bytes: Uint8Array, at: number, prefix: Uint8Array): boolean {
  for (let i = 0; i < prefix.length; i++) if (bytes[at + i] !== prefix[i]) return false;
  return true;
}

/** Where the next line begins, if nothing but the spaces that transport may have added lies before it; -1 otherwise. */
function afterBlanks(bytes: Uint8Array, start: number): number {
  let at = start;
  while (bytes[at] === SPACE || bytes[at] === TAB || bytes[at] === CR) at++;
  if (at >= bytes.length) return bytes.length;
  return bytes[at] === LF ? at + 1 : -1;
}

/** After a part's empty line, or before the delimiter that ends a part without one. */
function partHeaderEnd(bytes: Buffer, start: number, open: readonly OpenPart[]): number {
  let at = start;
  while (at < bytes.length && at - start <= parseLimits.partHeadersBytes) {
    if (bytes[at] === LF) return at + 1;
    if (bytes[at] === CR && bytes[at + 1] === LF) return at + 2;
    if (delimiterAt(bytes, at, open)) return at;
    const lf = bytes.indexOf(LF, at);
    if (lf < 0) return bytes.length;
    at = lf + 1;
  }
  return at;
}

const tooManyParts = () => refusal("too_many_parts", `A message has at most ${parseLimits.parts} parts.`);
const tooDeep = () => refusal("too_deep", `Multiparts are nested at most ${parseLimits.depth} deep.`);
const headersTooLong = () =>
  refusal("header_too_long", `The headers of all parts have at most ${parseLimits.partHeadersBytes} bytes.`);
