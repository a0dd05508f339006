import { toAscii } from "./address.ts";
import { fold, formatDate, type HeaderField } from "./field.ts";

/** What a Received field says (RFC 5321 section 4.4). */
export interface Hop {
  /** What the client called itself in EHLO, and the IP address it came from; nothing for mail from within. */
  readonly from?: { readonly ehlo: string; readonly ip: string };
  /** Our own name. */
  readonly by: string;
  /** The protocol, as RFC 3848 and RFC 6531 register it: "ESMTPSA", "UTF8SMTPA", "LMTP", "HTTP". */
  readonly with: string;
  readonly id: string;
  /** Only where the message has a single recipient, lest one recipient learns of another. */
  readonly forAddress?: string;
  readonly date: Date;
}

const maxNameLength = 255;

/** The trace field that we add to what we accept. What the client called itself is its own claim, and is bounded. */
export function receivedField({ from, by, with: protocol, id, forAddress, date }: Hop): HeaderField {
  const client = from ? `from ${hostName(from.ehlo)} (${literal(from.ip)}) ` : "";
  const forWhom = forAddress ? forClause(toAscii(forAddress)) : "";
  const value = `${client}by ${hostName(by)} with ${token(protocol)} id ${token(id)}${forWhom}; ${formatDate(date)}`;
  return { name: "Received", value: fold("Received", value) };
}

// Left out where it would make an ASCII header internationalised, or could be folded in two.
const forClause = (address: string): string => (/^[\x21-\x7e]+$/.test(address) ? ` for <${address}>` : "");
const hostName = (text: string): string =>
  text.length <= maxNameLength && /^[A-Za-z0-9._:[\]-]+$/.test(text) ? text : "unknown";
const token = (text: string): string => (text.length <= maxNameLength && /^[\w.~+=-]+$/.test(text) ? text : "unknown");
const literal = (ip: string): string => (ip.includes(":") ? `[IPv6:${hostName(ip)}]` : `[${hostName(ip)}]`);
