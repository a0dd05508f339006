/**
 * Who wrote a message, by its From field (RFC 5322 section 3.6.2), read by ourselves from the field as it stands: what
 * decides where an answer goes must not depend on how a library guesses.
 */
import { type Address, addressKey, parseAddress } from "./address.ts";
import { plainLine, valuesOf, withoutComments } from "./field-text.ts";
import { parseMailbox } from "./mailbox.ts";
import type { ParsedMessage, WrittenMailbox } from "./parsed-message.ts";

export type SoleMailbox =
  | { readonly kind: "one"; readonly address: Address }
  /** The field is not there. */
  | { readonly kind: "absent" }
  /** It is there twice, holds a group (RFC 6854) or not just one mailbox, or cannot be read. */
  | { readonly kind: "unclear"; readonly isGroup: boolean; readonly detail: string };

/** The address of From; anything but one field with one mailbox is unclear. */
export const authorOf = (message: Pick<ParsedMessage, "fields">): SoleMailbox => soleMailbox(message, "From");

/** The one mailbox of an address field. */
export function soleMailbox(message: Pick<ParsedMessage, "fields">, name: string): SoleMailbox {
  const values = valuesOf(message.fields, name).map((value) => value.replace(/[ \t\r\n]+/g, " ").trim());
  const [value] = values;
  if (value === undefined) return { kind: "absent" };
  const unclear = (detail: string, isGroup = false) => ({ kind: "unclear", isGroup, detail }) as const;
  if (values.length > 1) return unclear(`${name} occurs more than once.`);
  if (value.length > fieldLength) return unclear(`${name} is too long to be one mailbox.`);
  const bare = withoutQuotes(value);
  if (bare === undefined) return unclear(`${name} has a quote or a comment that does not close.`);
  if (/[:;]/.test(bare.replace(/<[^>]*>/g, " "))) return unclear(`${name} holds a group.`, true);
  const parsed = parseMailbox(value);
  if (parsed.ok) return { kind: "one", address: parsed.mailbox.address };
  // Many write a name with a comma and no quotes. One address in brackets, and no other @, is clear enough.
  const angle = /^[^<>@]*<([^<>]*)>$/.exec(bare.trim())?.[1];
  const inner = angle === undefined ? undefined : parseAddress(angle.trim());
  return inner?.ok ? { kind: "one", address: inner.address } : unclear(`${name} is not one mailbox: ${parsed.code}.`);
}

/** The address with the name that a person gave it in one of the written mailboxes, cleaned and cut. */
export function withItsName(address: Address, written: readonly WrittenMailbox[]): WrittenMailbox {
  const key = addressKey(address.address);
  const name = plainLine(written.find((mailbox) => keyOf(mailbox.address) === key)?.name ?? "", nameLength);
  return name ? { name, address: address.address } : { address: address.address };
}

/** What addresses written in any way have in common (`addressKey`); undefined for what is no address. */
function keyOf(address: string): string | undefined {
  const parsed = parseAddress(address);
  return parsed.ok ? addressKey(parsed.address.address) : undefined;
}

/** Tells whether an address is among our own, a detail after a `+` (RFC 5233) not counted. */
export function ownAddressTest(ownAddresses: readonly string[]): (address: string) => boolean {
  const keys = new Set(ownAddresses.flatMap((own) => keyOf(own) ?? []).map(withoutDetail));
  return (address) => {
    const key = keyOf(address);
    return key !== undefined && keys.has(withoutDetail(key));
  };
}

const fieldLength = 1_024;
const nameLength = 200;

const withoutDetail = (key: string): string => key.replace(/^([^+"]+)\+[^"]*(@[^@]*)$/, "$1$2");

function withoutQuotes(value: string): string | undefined {
  // A quoted local part stays, as it is part of an address.
  return withoutComments(value)?.replace(/"(?:[^"\\]|\\.)*"(?!@)/g, " ");
}
