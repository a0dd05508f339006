import { type EndingCause, type Envelope, needsSmtpUtf8, type Recipient, toAscii } from "@mailfleet/mail";
import type { Session } from "./session.ts";

export type EnvelopeCommands =
  | { readonly ok: true; readonly mail: string; readonly rcpt: readonly string[] }
  /** The next hop does not offer what this message needs, so it is not asked. */
  | { readonly ok: false; readonly cause: EndingCause };

type Offered = Pick<Session, "extensions" | "sizeLimitBytes">;

/** MAIL and RCPT (RFC 5321 section 4.1.1), with the parameters that the next hop offered to understand. */
export function envelopeCommands(envelope: Envelope, sizeBytes: number, offered: Offered): EnvelopeCommands {
  const { extensions, sizeLimitBytes } = offered;
  const international =
    envelope.smtpUtf8 ||
    needsSmtpUtf8(envelope.reversePath) ||
    envelope.recipients.some(({ address }) => needsSmtpUtf8(address));
  if (international && !extensions.has("SMTPUTF8")) return refused({ kind: "unsupported", feature: "smtputf8" });
  if (envelope.eightBit && !extensions.has("8BITMIME")) return refused({ kind: "unsupported", feature: "8bitmime" });
  if (sizeLimitBytes !== undefined && sizeBytes > sizeLimitBytes) {
    return refused({ kind: "too_large", sizeBytes, limitBytes: sizeLimitBytes });
  }

  const dsn = extensions.has("DSN");
  let mail = `MAIL FROM:<${path(envelope.reversePath)}>`;
  if (extensions.has("SIZE")) mail += ` SIZE=${sizeBytes}`;
  if (envelope.eightBit) mail += " BODY=8BITMIME";
  if (international) mail += " SMTPUTF8";
  if (dsn && envelope.ret) mail += ` RET=${envelope.ret}`;
  if (dsn && envelope.envid) mail += ` ENVID=${xtext(envelope.envid)}`;
  return { ok: true, mail, rcpt: envelope.recipients.map((recipient) => rcptCommand(recipient, dsn)) };
}

function rcptCommand({ address, notify, orcpt }: Recipient, dsn: boolean): string {
  let rcpt = `RCPT TO:<${path(address)}>`;
  if (dsn && notify && notify.length > 0) rcpt += ` NOTIFY=${notify.join(",")}`;
  if (dsn && orcpt) rcpt += ` ORCPT=${orcptParameter(orcpt)}`;
  return rcpt;
}

/** Addresses come checked; one that could end its command early must not get here by any way. */
function path(address: string): string {
  const ascii = toAscii(address);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not get through.
  if (/[\u0000-\u001f\u007f]/.test(ascii)) throw new TypeError("an address with a control character");
  return ascii;
}

/** The address type stays as it is; only what follows the semicolon is xtext (RFC 3461 section 4.2). */
function orcptParameter(orcpt: string): string {
  const semicolon = orcpt.indexOf(";");
  return semicolon < 0 ? `rfc822;${xtext(orcpt)}` : `${orcpt.slice(0, semicolon)};${xtext(orcpt.slice(semicolon + 1))}`;
}

/** RFC 3461 section 4: printable ASCII except "+" and "=" as it is, every other byte as "+" and two hex digits. */
function xtext(text: string): string {
  let out = "";
  for (const byte of Buffer.from(text, "utf8")) {
    const plain = byte > 32 && byte < 127 && byte !== 43 && byte !== 61;
    out += plain ? String.fromCharCode(byte) : `+${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return out;
}

const refused = (cause: EndingCause): EnvelopeCommands => ({ ok: false, cause });
