/**
 * The mailboxes of address fields, as people and programs write them (RFC 5322 section 3.4 and what is sent instead).
 *
 * Structure is read before anything is decoded, so that an encoded word can never bring an address; an address that is
 * none is left out.
 */
import { parseAddress, parseMailboxes, type WrittenMailbox } from "@mailfleet/mail";
import { parseLimits } from "./parse-limits.ts";
import { headerText } from "./plain-text.ts";

export interface WrittenMailboxes {
  readonly mailboxes: readonly WrittenMailbox[];
  /** Whether something was left out that may have been a mailbox. */
  readonly isCut: boolean;
}

/** Reads the unfolded values of all fields of one name, in their order. */
export function readWrittenMailboxes(values: readonly string[]): WrittenMailboxes {
  const mailboxes: WrittenMailbox[] = [];
  let isCut = false;
  let length: number = parseLimits.addressesLength;
  for (const value of values) {
    if (value.length > length) isCut = true;
    const read = readList(value.slice(0, length));
    length = Math.max(0, length - value.length);
    if (read.isCut) isCut = true;
    mailboxes.push(...read.mailboxes);
  }
  if (mailboxes.length > parseLimits.addresses) isCut = true;
  return { mailboxes: mailboxes.slice(0, parseLimits.addresses), isCut };
}

function readList(value: string): WrittenMailboxes {
  const strict = parseMailboxes(value);
  if (strict.ok) {
    return { mailboxes: strict.mailboxes.map(({ name, address }) => written(name, address.address)), isCut: false };
  }
  // One mailbox that is none does not make the others nobody's.
  const mailboxes: WrittenMailbox[] = [];
  let isCut = false;
  for (const piece of splitAtCommas(value)) {
    const found = readPiece(piece);
    if (found) mailboxes.push(found);
    else if (piece.trim() !== "") isCut = true;
  }
  return { mailboxes, isCut };
}

function readPiece(piece: string): WrittenMailbox | undefined {
  const strict = parseMailboxes(piece);
  if (strict.ok) {
    const [only, ...more] = strict.mailboxes;
    return only && more.length === 0 ? written(only.name, only.address.address) : undefined;
  }
  // A name with a colon or an open quote, and one address in angle brackets: there is only one way to read it.
  const loose = /^([^<>]*)<([^<>\s]{1,320})>\s*$/.exec(piece);
  const address = loose && parseAddress(loose[2]!);
  return address?.ok ? written(loose![1]!.replaceAll('"', "").trim(), address.address.address) : undefined;
}

function written(name: string | undefined, address: string): WrittenMailbox {
  const { text } = headerText(name ?? "", parseLimits.nameLength);
  return text === "" ? { address } : { name: text, address };
}

/** At the commas outside quotes and angle brackets; what is left open goes on to the end. */
function splitAtCommas(text: string): string[] {
  const pieces: string[] = [];
  let start = 0;
  let inQuotes = false;
  let inAngle = false;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (c === "\\" && inQuotes) i++;
    else if (c === '"') inQuotes = !inQuotes;
    else if (inQuotes) continue;
    else if (c === "<") inAngle = true;
    else if (c === ">") inAngle = false;
    else if (c === "," && !inAngle) {
      pieces.push(text.slice(start, i));
      start = i + 1;
    }
  }
  pieces.push(text.slice(start));
  return pieces;
}
