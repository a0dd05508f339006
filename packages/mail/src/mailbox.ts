/**
 * Mailboxes as header fields write them (RFC 5322 section 3.4): an address, with or without a display name.
 *
 * Reading is linear in the length of the text and bounded by it: no backtracking, no recursion.
 */
import { type Address, type AddressProblem, parseAddress } from "./address.ts";

export interface Mailbox {
  /** Unquoted; encoded words are left as they stand. */
  readonly name?: string;
  readonly address: Address;
}

export type MailboxProblem = AddressProblem | "mailbox_malformed" | "mailbox_too_long" | "mailbox_name_too_long";

export type ParsedMailbox =
  | { readonly ok: true; readonly mailbox: Mailbox }
  | { readonly ok: false; readonly code: MailboxProblem; readonly detail: string };

export type ParsedMailboxes =
  | { readonly ok: true; readonly mailboxes: readonly Mailbox[] }
  | { readonly ok: false; readonly code: MailboxProblem; readonly detail: string };

export const mailboxLimits = { textLength: 1_024, nameLength: 512, listLength: 65_536, listMailboxes: 1_000 } as const;

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for.
const control = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]|\p{Cs}/u;

/** Reads one mailbox: `ann@example.org`, `<ann@example.org>`, `Ann <ann@example.org>`, `"Ann, A." <ann@example.org>`. */
export function parseMailbox(text: string): ParsedMailbox {
  if (text.length > mailboxLimits.textLength) {
    return {
      ok: false,
      code: "mailbox_too_long",
      detail: `A mailbox has at most ${mailboxLimits.textLength} characters.`,
    };
  }
  if (control.test(text)) {
    return { ok: false, code: "address_control_character", detail: "The mailbox has a control character." };
  }
  const pieces = splitMailboxes(text);
  if (!pieces || pieces.length > 1) return malformed();
  return pieces[0] === undefined ? parseBare("", "") : parseBare(pieces[0].name, pieces[0].address);
}

/**
 * Reads a list of mailboxes, such as the unfolded value of a From field; groups are read for their members.
 * An empty list is a list.
 */
export function parseMailboxes(text: string): ParsedMailboxes {
  if (text.length > mailboxLimits.listLength) {
    return {
      ok: false,
      code: "mailbox_too_long",
      detail: `A list has at most ${mailboxLimits.listLength} characters.`,
    };
  }
  const pieces = splitMailboxes(text);
  if (!pieces) return malformed();
  if (pieces.length > mailboxLimits.listMailboxes) {
    return {
      ok: false,
      code: "mailbox_too_long",
      detail: `A list has at most ${mailboxLimits.listMailboxes} mailboxes.`,
    };
  }
  const mailboxes: Mailbox[] = [];
  for (const { name, address } of pieces) {
    const parsed = parseBare(name, address);
    if (!parsed.ok) return parsed;
    mailboxes.push(parsed.mailbox);
  }
  return { ok: true, mailboxes };
}

function parseBare(name: string, text: string): ParsedMailbox {
  const parsed = parseAddress(text);
  if (!parsed.ok) return parsed;
  if (name.length > mailboxLimits.nameLength) {
    return {
      ok: false,
      code: "mailbox_name_too_long",
      detail: `A name has at most ${mailboxLimits.nameLength} characters.`,
    };
  }
  return { ok: true, mailbox: name ? { name, address: parsed.address } : { address: parsed.address } };
}

const malformed = () =>
  ({ ok: false, code: "mailbox_malformed", detail: "Not one mailbox, such as Ann <ann@example.org>." }) as const;

/** Splits a list at its commas into raw names and addresses; `undefined` where brackets or quotes do not close. */
function splitMailboxes(text: string): { name: string; address: string }[] | undefined {
  const found: { name: string; address: string }[] = [];
  let words = ""; // Outside angle brackets: a display name, or a bare address.
  let quotedName = ""; // The same, with quotes taken off.
  let angle: string | undefined;
  let inGroup = false;

  const end = (): boolean => {
    if (angle !== undefined) found.push({ name: squeeze(quotedName), address: angle });
    else if (words.trim()) found.push({ name: "", address: words.trim() });
    words = quotedName = "";
    angle = undefined;
    return true;
  };

  for (let i = 0; i < text.length; i++) {
    const c = text[i]!;
    if (c === '"') {
      const close = closingQuote(text, i);
      if (close < 0) return undefined;
      words += text.slice(i, close + 1);
      quotedName += text.slice(i + 1, close).replace(/\\(.)/gsu, "$1");
      i = close;
    } else if (c === "(") {
      i = closingParenthesis(text, i);
      if (i < 0) return undefined;
      words += " ";
    } else if (c === "<") {
      const close = closingAngle(text, i);
      if (close < 0 || angle !== undefined) return undefined;
      angle = text.slice(i + 1, close).trim();
      i = close;
    } else if (c === "," || c === ";") {
      if (c === ";" && !inGroup) return undefined;
      if (c === ";") inGroup = false;
      end();
    } else if (c === ":" && angle === undefined && !words.includes("[")) {
      if (inGroup) return undefined;
      inGroup = true; // What came before it names the group.
      words = quotedName = "";
    } else if (c === ">" || c === ")" || (angle !== undefined && !/\s/.test(c))) {
      return undefined;
    } else {
      words += c;
      quotedName += c;
    }
  }
  return inGroup || !end() ? undefined : found;
}

const squeeze = (text: string): string => text.replace(/\s+/g, " ").trim();

function closingQuote(text: string, from: number): number {
  for (let i = from + 1; i < text.length; i++) {
    if (text[i] === "\\") i++;
    else if (text[i] === '"') return i;
  }
  return -1;
}

function closingParenthesis(text: string, from: number): number {
  let depth = 0;
  for (let i = from; i < text.length; i++) {
    if (text[i] === "\\") i++;
    else if (text[i] === "(") depth++;
    else if (text[i] === ")" && --depth === 0) return i;
  }
  return -1;
}

/** A quoted local part may hold a bracket. */
function closingAngle(text: string, from: number): number {
  for (let i = from + 1; i < text.length; i++) {
    if (text[i] === '"') {
      i = closingQuote(text, i);
      if (i < 0) return -1;
    } else if (text[i] === ">") return i;
  }
  return -1;
}
