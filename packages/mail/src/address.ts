/**
 * Mail addresses (RFC 5321 section 4.1.2, internationalised by RFC 6531).
 *
 * The local part is its owner's business and stays as given; the domain is spelled in U-labels, NFC and
 * lower case, so that one domain has one spelling wherever addresses are stored, shown or compared.
 */
import { domainToASCII, domainToUnicode } from "node:url";

export interface Address {
  /** `local@domain`, normalised. */
  readonly address: string;
  /** As given; a quoted local part keeps its quotes. */
  readonly local: string;
  /** In U-labels, NFC and lower case, or an address literal such as `[192.0.2.1]` or `[IPv6:2001:db8::1]`. */
  readonly domain: string;
}

export type AddressProblem =
  | "address_empty"
  | "address_control_character"
  | "address_without_at"
  | "address_too_long"
  | "address_local_too_long"
  | "address_bad_local"
  | "address_domain_too_long"
  | "address_bad_domain";

export type ParsedAddress =
  | { readonly ok: true; readonly address: Address }
  | { readonly ok: false; readonly code: AddressProblem; readonly detail: string };

/** RFC 5321 section 4.5.3.1, in octets; the whole is a path of 256 less its angle brackets. */
export const addressLimits = { localOctets: 64, domainOctets: 255, octets: 254, labelOctets: 63 } as const;

// RFC 6531 lets every character above ASCII into an atom. Spaces, line separators, lone surrogates and direction
// overrides are kept out all the same: they serve nobody but those who want an address to look like another.
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for.
const asciiControl = /[\u0000-\u001f\u007f]/;
const forbiddenUnicode = /[\p{Cc}\p{Cs}\p{Zs}\p{Zl}\p{Zp}\p{Bidi_Control}\ufeff]/u;
const asciiDotString = /^[\w!#$%&'*+\-/=?^`{|}~]+(?:\.[\w!#$%&'*+\-/=?^`{|}~]+)*$/;
const dotString = /^[\w!#$%&'*+\-/=?^`{|}~\u0080-\u{10ffff}]+(?:\.[\w!#$%&'*+\-/=?^`{|}~\u0080-\u{10ffff}]+)*$/u;
// Angle brackets are legal in quotes, and the surest way to have two programs read one line differently.
const quotedString = /^"(?:[^"\\<>]|\\[\x20-\x3b\x3d\x3f-\x7e])*"$/u;
const ldhDomain = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/;
const ipv4 = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/;

/** Reads one address, without angle brackets or a display name. The null reverse-path is not an address. */
export function parseAddress(text: string): ParsedAddress {
  if (text.length === 0) return problem("address_empty", "The address is empty.");
  if (text.length > addressLimits.octets) return tooLong();
  if (asciiControl.test(text)) return controlCharacter();

  const at = splitAt(text);
  if (at < 0) return problem("address_without_at", "The address has no @.");
  const local = text.slice(0, at);

  if (!asciiDotString.test(local)) {
    if (forbiddenUnicode.test(local.replaceAll(" ", ""))) return controlCharacter();
    if (!dotString.test(local) && !quotedString.test(local)) {
      return problem("address_bad_local", "What is before the @ is neither a dot-string nor a quoted string.");
    }
  }
  if (octets(local) > addressLimits.localOctets) {
    return problem("address_local_too_long", `What is before the @ exceeds ${addressLimits.localOctets} octets.`);
  }

  const domain = parseDomain(text.slice(at + 1));
  if (!domain.ok) return domain;
  const address = `${local}@${domain.domain}`;
  if (octets(address) > addressLimits.octets || octets(local) + 1 + domain.ascii.length > addressLimits.octets) {
    return tooLong();
  }
  return { ok: true, address: { address, local, domain: domain.domain } };
}

/**
 * The spelling for a next hop: the domain in A-labels. The local part has no ASCII form; where it is not ASCII
 * (`needsSmtpUtf8`), the next hop must speak SMTPUTF8. Takes a normalised address.
 */
export function toAscii(address: string): string {
  if (isAscii(address)) return address;
  const at = address.lastIndexOf("@");
  return address.slice(0, at + 1) + domainToASCII(address.slice(at + 1));
}

/** Whether the address can only travel by SMTPUTF8 (RFC 6531). A domain never needs it: it has A-labels. */
export function needsSmtpUtf8(address: string): boolean {
  return !isAscii(address) && !isAscii(address.slice(0, address.lastIndexOf("@")));
}

/**
 * What two addresses of one mailbox have in common: for suppressions and limits, not for sending.
 *
 * The whole address is folded to lower case and NFC, and quotes that say nothing are dropped. RFC 5321 lets local
 * parts differ by case alone; hardly any host does, and to mail someone who asked not to be mailed is the worse error.
 */
export function addressKey(address: string): string {
  const at = address.lastIndexOf("@");
  const local = address.slice(0, at).normalize("NFC");
  const bare = local.startsWith('"') ? local.slice(1, -1).replace(/\\(.)/gu, "$1") : local;
  return (dotString.test(bare) ? bare : local).toLowerCase() + address.slice(at).toLowerCase();
}

/** The domain of a normalised address. */
export function domainOf(address: string): string {
  return address.slice(address.lastIndexOf("@") + 1);
}

export type ParsedDomain =
  | { readonly ok: true; readonly domain: string; readonly ascii: string }
  | { readonly ok: false; readonly code: AddressProblem; readonly detail: string };

/** Reads a domain or an address literal; `ascii` is its spelling in A-labels. */
export function parseDomain(text: string): ParsedDomain {
  if (text.length > addressLimits.domainOctets) return domainTooLong();
  if (text.startsWith("[")) return parseLiteral(text);
  if (isAscii(text) && !/xn--/i.test(text)) {
    const lower = text.toLowerCase();
    return checkedDomain(lower, lower);
  }
  if (forbiddenUnicode.test(text)) return controlCharacter();
  // The URL functions also read paths, ports and percent signs; only letters, digits, hyphens and dots go in.
  if (!/^[a-z0-9.\-\u0080-\u{10ffff}]+$/iu.test(text)) return badDomain();
  const ascii = domainToASCII(text);
  const unicode = domainToUnicode(ascii).normalize("NFC");
  // An A-label that does not decode is left as it is by the URL functions, and one that decodes to something else
  // than it encodes is not one.
  if (/(?:^|\.)xn--/.test(unicode) || domainToASCII(unicode) !== ascii) return badDomain();
  return checkedDomain(unicode, ascii);
}

function checkedDomain(domain: string, ascii: string): ParsedDomain {
  if (!ldhDomain.test(ascii)) return badDomain();
  const labels = ascii.split(".");
  // A number is no top-level domain: such a host would be taken for an IPv4 address (RFC 3696 section 2).
  if (/^\d+$/.test(labels.at(-1)!)) return badDomain();
  if (octets(domain) > addressLimits.domainOctets || ascii.length > addressLimits.domainOctets) return domainTooLong();
  if (labels.some((label) => label.length > addressLimits.labelOctets)) return domainTooLong();
  return { ok: true, domain, ascii };
}

function parseLiteral(text: string): ParsedDomain {
  const inner = text.endsWith("]") ? text.slice(1, -1) : "";
  if (ipv4.test(inner)) return { ok: true, domain: text, ascii: text };
  const ipv6 = /^ipv6:([0-9a-f:.]{2,45})$/i.exec(inner)?.[1];
  const url = ipv6 === undefined ? null : URL.parse(`http://[${ipv6}]/`);
  if (!url) return badDomain();
  const domain = `[IPv6:${url.hostname.slice(1, -1)}]`;
  return { ok: true, domain, ascii: domain };
}

// The last @, since a quoted local part may hold others; no domain can.
const splitAt = (text: string): number => text.lastIndexOf("@");
// biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII.
const isAscii = (text: string): boolean => /^[\u0000-\u007f]*$/.test(text);
const octets = (text: string): number => (isAscii(text) ? text.length : Buffer.byteLength(text));

function problem(code: AddressProblem, detail: string): { ok: false; code: AddressProblem; detail: string } {
  return { ok: false, code, detail };
}
const tooLong = () => problem("address_too_long", `The address exceeds ${addressLimits.octets} octets.`);
const controlCharacter = () =>
  problem("address_control_character", "The address has a control character, a space or an invisible character.");
const badDomain = () => problem("address_bad_domain", "What is after the @ is not a domain or an address literal.");
const domainTooLong = () =>
  problem("address_domain_too_long", "The domain exceeds 255 octets, or one of its labels 63.");
