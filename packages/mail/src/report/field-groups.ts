/** What the machine-readable parts of reports are made of: groups of fields, an empty line between them. */
import { parseAddress } from "../address.ts";
import { type FoundField, findField, type Header, readHeader } from "../message-header.ts";
import { printable } from "../reply.ts";

const LF = 10;
const CR = 13;

/** The groups that have a field, in their order; at most `limit`. */
export function readGroups(bytes: Uint8Array, limit: number): readonly Header[] {
  const groups: Header[] = [];
  let at = 0;
  while (at < bytes.length && groups.length < limit) {
    while (bytes[at] === LF || bytes[at] === CR) at++;
    const group = readHeader(bytes.subarray(at));
    if (!group.ok) break;
    if (group.fields.some(({ name }) => name !== "")) groups.push(group);
    at += group.bodyOffset;
  }
  return groups;
}

/** The value of the first field of that name, as one line; undefined where there is none, or an empty one. */
export function lineOf(header: Header, name: string): string | undefined {
  return printable(findField(header, name)?.value ?? "") || undefined;
}

export function allOf(header: Header, name: string): readonly FoundField[] {
  const lower = name.toLowerCase();
  return header.fields.filter((field) => field.name.toLowerCase() === lower);
}

/** What follows the type in a value such as `dns; mx.example.org` or `smtp; 550 no`; all of it where there is no type. */
export function untyped(value: string): string {
  return /^[A-Za-z][\w-]{0,40} ?; *(.*)$/s.exec(value)?.[1] ?? value;
}

/**
 * The spellings that a typed address (`rfc822; ann@example.org`, RFC 3464 section 2.1.2; `utf-8; …`, RFC 6533) may mean,
 * normalised. An original recipient ought to have its xtext taken off, but some systems leave it on.
 */
export function addressesOf(value: string, mayBeXtext: boolean): readonly string[] {
  const given = bare(untyped(value));
  const spellings = [given.replace(/\\x\{([0-9a-f]{2,6})\}/gi, (all, hex) => characterOf(hex) ?? all)];
  if (mayBeXtext && /\+[0-9A-F]{2}/.test(given)) spellings.push(withoutXtext(given));
  return spellings.flatMap((text) => {
    const parsed = parseAddress(text);
    return parsed.ok ? [parsed.address.address] : [];
  });
}

/** Without angle brackets, comments and what the rest of the line says. */
function bare(text: string): string {
  const trimmed = text.trim();
  const angle = /<([^<>]{1,1000})>/.exec(trimmed)?.[1];
  return angle ?? trimmed.replace(/ *\([^()]*\)$/, "");
}

function characterOf(hex: string): string | undefined {
  const code = Number.parseInt(hex, 16);
  return code > 32 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) ? String.fromCodePoint(code) : undefined;
}

const withoutXtext = (text: string): string =>
  Buffer.from(
    text.replace(/\+([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    "latin1",
  ).toString("utf8");
