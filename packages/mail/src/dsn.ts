/**
 * Delivery status notifications for mail that was given up (RFC 3464, asked for by RFC 3461, internationalised by
 * RFC 6533).
 *
 * Everything in them is ASCII but what was eight-bit in the returned message, so that they reach whoever wrote it.
 */
import { isAscii } from "node:buffer";
import { createHash } from "node:crypto";
import { needsSmtpUtf8, toAscii } from "./address.ts";
import type { Notify } from "./envelope.ts";
import { fold, formatDate, type HeaderField, writeField } from "./field.ts";
import { findField, readHeader } from "./message-header.ts";
import type { EnhancedStatusCode } from "./status.ts";

/** One recipient that did not get the message. */
export interface FailedRecipient {
  readonly address: string;
  /** ORCPT as "rfc822;address", xtext decoded. */
  readonly orcpt?: string;
  readonly status: EnhancedStatusCode;
  readonly reason: string;
  /** The SMTP reply code, where a reply was the reason. */
  readonly replyCode?: number;
  /** The next hop's host name. */
  readonly remoteMta?: string;
  readonly lastAttemptAt?: Date;
}

export interface FailureDsn {
  /** The reverse-path of the failed message; the null reverse-path gets no DSN (`wantsFailureDsn`). */
  readonly to: string;
  /** Our own host name: the Reporting-MTA, and the domain that MAILER-DAEMON writes from. */
  readonly reportingMta: string;
  readonly messageId: string;
  readonly date: Date;
  /** When the failed message was accepted. */
  readonly arrivedAt: Date;
  readonly envid?: string;
  readonly ret?: "FULL" | "HDRS";
  /** At least one. */
  readonly failures: readonly FailedRecipient[];
  /** The failed message, or no more of it than its header block. */
  readonly original: Uint8Array;
}

export interface ComposedDsn {
  readonly bytes: Uint8Array;
  /** For the DSN's envelope, whose reverse-path is null. */
  readonly eightBit: boolean;
  readonly smtpUtf8: boolean;
}

/** A larger message is returned by its header alone, even for RET=FULL: a DSN must not be what fails for its size. */
export const maxReturnedBytes = 65_536;

/** Keeps a line below the 998 octets of RFC 5322 where it has no space to fold at. */
const maxTextLength = 900;

/** Whether anybody wants to hear of a failure: never the null reverse-path, nor NOTIFY without FAILURE. */
export function wantsFailureDsn(reversePath: string, notify: readonly Notify[] | undefined): boolean {
  return reversePath !== "" && (notify === undefined || notify.includes("FAILURE"));
}

export function composeDsn(dsn: FailureDsn): ComposedDsn {
  if (dsn.to === "") throw new TypeError("a DSN for the null reverse-path");
  const boundary = `=_mailfleet-dsn-${createHash("sha256").update(dsn.messageId).digest("hex").slice(0, 24)}`;
  const returned = returnedPart(dsn);
  const eightBit = !isAscii(returned);
  const head = [
    ...dsnHeader(dsn, boundary, eightBit).map(writeField),
    "\r\nThis is a delivery status notification in MIME format (RFC 3464).\r\n",
    `\r\n--${boundary}\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n`,
    humanText(dsn),
    `\r\n--${boundary}\r\nContent-Type: message/delivery-status\r\n\r\n`,
    machineText(dsn),
    `\r\n--${boundary}\r\n`,
  ].join("");
  const bytes = Buffer.concat([Buffer.from(head), returned, Buffer.from(`\r\n--${boundary}--\r\n`)]);
  return { bytes, eightBit: eightBit || !isAscii(Buffer.from(head)), smtpUtf8: needsSmtpUtf8(dsn.to) };
}

function dsnHeader(dsn: FailureDsn, boundary: string, eightBit: boolean): HeaderField[] {
  const header = readHeader(dsn.original);
  const originalId = header.ok ? findField(header, "Message-ID")?.value : undefined;
  const thread =
    originalId !== undefined && /^<[\x21-\x3b\x3d\x3f-\x7e]{1,500}>$/.test(originalId) ? originalId : undefined;
  return [
    { name: "From", value: `Mail Delivery System <MAILER-DAEMON@${printableAscii(dsn.reportingMta)}>` },
    { name: "To", value: `<${toAscii(dsn.to)}>` },
    { name: "Subject", value: "Your message could not be delivered" },
    { name: "Date", value: formatDate(dsn.date) },
    { name: "Message-ID", value: dsn.messageId },
    ...(thread === undefined
      ? []
      : [
          { name: "In-Reply-To", value: thread },
          { name: "References", value: thread },
        ]),
    { name: "Auto-Submitted", value: "auto-replied" },
    { name: "MIME-Version", value: "1.0" },
    {
      name: "Content-Type",
      value: `multipart/report; report-type=delivery-status;\r\n boundary="${boundary}"`,
    },
    ...(eightBit ? [{ name: "Content-Transfer-Encoding", value: "8bit" }] : []),
  ];
}

function humanText({ reportingMta, arrivedAt, failures }: FailureDsn): string {
  const lines = [
    `This is the mail system at ${printableAscii(reportingMta)}.`,
    "",
    `Your message of ${formatDate(arrivedAt)} could not be delivered`,
    failures.length === 1 ? "to the recipient below." : "to the recipients below.",
    "It will not be tried again.",
  ];
  for (const failure of failures) {
    lines.push("", `<${addressForPeople(failure.address)}>`, ...wrap(diagnosticText(failure)));
  }
  return lines.map((line) => `${line}\r\n`).join("");
}

function machineText(dsn: FailureDsn): string {
  const message: HeaderField[] = [
    ...(dsn.envid ? [{ name: "Original-Envelope-Id", value: printableAscii(dsn.envid) }] : []),
    { name: "Reporting-MTA", value: `dns; ${printableAscii(dsn.reportingMta)}` },
    { name: "Arrival-Date", value: formatDate(dsn.arrivedAt) },
  ];
  return [message, ...dsn.failures.map(recipientFields)].map((fields) => fields.map(writeField).join("")).join("\r\n");
}

function recipientFields(failure: FailedRecipient): HeaderField[] {
  const { address, orcpt, status, replyCode, remoteMta, lastAttemptAt } = failure;
  // Smtp is the type of what an SMTP server said; what we found out by ourselves has a type of our own.
  const type = replyCode === undefined ? "X-Mailfleet" : "smtp";
  return [
    ...(orcpt ? [{ name: "Original-Recipient", value: originalRecipient(orcpt) }] : []),
    { name: "Final-Recipient", value: typedAddress(address) },
    { name: "Action", value: "failed" },
    { name: "Status", value: status },
    ...(remoteMta ? [{ name: "Remote-MTA", value: `dns; ${printableAscii(remoteMta)}` }] : []),
    { name: "Diagnostic-Code", value: fold("Diagnostic-Code", `${type}; ${diagnosticText(failure)}`) },
    ...(lastAttemptAt ? [{ name: "Last-Attempt-Date", value: formatDate(lastAttemptAt) }] : []),
  ];
}

/** The third part: the message as it came, or its header (RFC 3461 section 4.3), with its own MIME header. */
function returnedPart({ ret, original }: FailureDsn): Buffer {
  const header = readHeader(original);
  const full =
    ret === "FULL" && original.length <= maxReturnedBytes && header.ok && header.bodyOffset < original.length;
  const end = header.ok ? header.bodyOffset : Math.min(original.length, maxReturnedBytes);
  const bytes = Buffer.from(original.subarray(0, full ? original.length : end));
  const headerIsUtf8 = !isAscii(original.subarray(0, Math.min(end, original.length)));
  // RFC 6532 lets an internationalised message be encoded, which no ordinary one may be.
  if (headerIsUtf8) {
    const type = full ? "message/global" : "message/global-headers";
    const lines = bytes.toString("base64").replace(/.{76}/g, "$&\r\n");
    return Buffer.from(`Content-Type: ${type}\r\nContent-Transfer-Encoding: base64\r\n\r\n${lines}\r\n`);
  }
  const type = full ? "message/rfc822" : "text/rfc822-headers";
  const encoding = isAscii(bytes) ? "7bit" : "8bit";
  return Buffer.concat([Buffer.from(`Content-Type: ${type}\r\nContent-Transfer-Encoding: ${encoding}\r\n\r\n`), bytes]);
}

function diagnosticText({ replyCode, status, reason }: FailedRecipient): string {
  return `${replyCode === undefined ? "" : `${replyCode} `}${status} ${printableAscii(reason)}`.trimEnd();
}

/** An address with its type: rfc822 where ASCII can say it, else RFC 6533's utf-8 in its ASCII spelling. */
function typedAddress(address: string): string {
  return needsSmtpUtf8(address) ? `utf-8; ${unicodeEscaped(address)}` : `rfc822; ${printableAscii(toAscii(address))}`;
}

function originalRecipient(orcpt: string): string {
  const semicolon = orcpt.indexOf(";");
  const type = semicolon < 0 ? "rfc822" : printableAscii(orcpt.slice(0, semicolon)).trim();
  const address = orcpt
    .slice(semicolon + 1)
    .trim()
    .slice(0, maxTextLength / 4);
  // An ORCPT of type utf-8 is in the spelling that is wanted here, or in Unicode.
  return /^[\x20-\x7e]*$/.test(address) ? `${type}; ${address}` : `utf-8; ${unicodeEscaped(address)}`;
}

const addressForPeople = (address: string): string =>
  needsSmtpUtf8(address) ? unicodeEscaped(address) : printableAscii(toAscii(address));

/** RFC 6533 section 3, utf-8-addr-xtext: `\x{HEX}` for what is not printable ASCII, and for backslash, plus and equals. */
function unicodeEscaped(text: string): string {
  return text
    .toWellFormed()
    .replace(
      /[^\x21-\x2a\x2c-\x3c\x3e-\x5b\x5d-\x7e]/gu,
      (c) => `\\x{${c.codePointAt(0)!.toString(16).toUpperCase()}}`,
    );
}

const printableAscii = (text: string): string => text.replace(/[^\x20-\x7e]+/g, "?").slice(0, maxTextLength);

const wrap = (text: string): string[] =>
  fold("   ", text)
    .split("\r\n ")
    .map((line) => `    ${line}`);
