/**
 * Writes a message (RFC 5322, MIME) from the API's fields. nodemailer's composer does the MIME; it sees checked values
 * only, and may open neither files nor addresses.
 *
 * The same fields, Message-ID and date always give the same bytes, so a message that is submitted twice is one message.
 */
import { isAscii } from "node:buffer";
import { createHash } from "node:crypto";
import MailComposer, { type MailComposerAttachment } from "nodemailer/lib/mail-composer";
import { parseDomain } from "./address.ts";
import { type Attachment, checkAttachments } from "./attachment.ts";
import { envelopeFlags } from "./envelope-flags.ts";
import type { Mailbox } from "./mailbox.ts";
import { checkAddresses, checkTexts, type FieldProblem, type MessageFields } from "./message-fields.ts";

export interface ComposedMessage {
  readonly ok: true;
  /** The whole message, its lines ending in CRLF. */
  readonly bytes: Uint8Array;
  readonly from: Mailbox;
  /** Normalised; each mailbox once, in the order `to`, `cc`, `bcc`. */
  readonly recipients: readonly string[];
  readonly eightBit: boolean;
  /** A header field holds an address that is not ASCII. */
  readonly headerIsUtf8: boolean;
}

/** What is fixed when a message is accepted, and never again. */
export interface MessageStamp {
  /** With its angle brackets. */
  readonly messageId: string;
  readonly date: Date;
}

export async function composeMessage(
  fields: MessageFields,
  { messageId, date }: MessageStamp,
): Promise<ComposedMessage | FieldProblem> {
  const addresses = checkAddresses(fields);
  if ("code" in addresses) return addresses;
  const problem = checkTexts(fields);
  if (problem) return problem;
  const attachments = checkAttachments(fields.attachments ?? []);
  if ("code" in attachments) return attachments;

  const headers = Object.entries(fields.headers ?? {}).flatMap(([key, values]) =>
    (typeof values === "string" ? [values] : values).map((value) => ({ key, value: squeeze(value) })),
  );
  const spelling = new Map(headers.map(({ key }) => [key.toLowerCase(), key]));
  const composer = new MailComposer({
    from: composerAddress(addresses.from),
    to: addresses.to.map(composerAddress),
    cc: addresses.cc.map(composerAddress),
    replyTo: addresses.replyTo.map(composerAddress),
    subject: squeeze(fields.subject ?? ""),
    messageId,
    date,
    inReplyTo: fields.inReplyTo,
    references: fields.references ? [...fields.references] : undefined,
    headers,
    text: withCrlf(fields.text),
    html: withCrlf(fields.html),
    attachments: attachments.map(
      ({ filename, contentType, content, contentId, disposition }): MailComposerAttachment => ({
        content,
        contentDisposition: disposition,
        contentType: contentType && squeeze(contentType),
        filename: filename && squeeze(filename),
        cid: contentId,
      }),
    ),
    boundaryPrefix: "=_mailfleet",
    baseBoundary: createHash("sha256").update(messageId).digest("hex").slice(0, 24),
    normalizeHeaderKey: (key) => spelling.get(key.toLowerCase()) ?? key,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  const root = composer.compile();
  // RFC 2045 section 6.4: what holds an 8-bit part, which only an attached message can be, says so itself.
  if (/^multipart\//.test(String(root.getHeader("Content-Type"))) && attachments.some(isEightBitMessage)) {
    root.setHeader("Content-Transfer-Encoding", "8bit");
  }
  const bytes = await root.build();
  const { eightBit, headerIsUtf8 } = envelopeFlags(bytes, bytes.indexOf("\r\n\r\n") + 4);
  return { ok: true, bytes, from: addresses.from, recipients: addresses.recipients, eightBit, headerIsUtf8 };
}

/** A Message-ID of ours: `<uuid@domain>`, its domain in A-labels so that every mail system can refer to it. */
export function makeMessageId(domain: string, uuid: string): string {
  const parsed = parseDomain(domain);
  if (!parsed.ok) throw new TypeError(`not a domain for Message-IDs: ${JSON.stringify(domain)}`);
  return `<${uuid}@${parsed.ascii}>`;
}

const isEightBitMessage = ({ contentType, content }: Attachment): boolean =>
  contentType !== undefined && /^message\//i.test(contentType) && !isAscii(content);

const composerAddress = ({ name, address }: Mailbox) => ({ name: squeeze(name ?? ""), address: address.address });

/** A long run of spaces would be folded into lines that look empty, and some readers take such a line for the header's end. */
const squeeze = (text: string): string => text.replace(/[ \t]+/g, " ").trim();

const withCrlf = (text: string | undefined): string | undefined => text?.replace(/\r\n|\r|\n/g, "\r\n");
