import PostalMime, { type Address, type Attachment, type Email } from "postal-mime";
import { CliError } from "../cli-error.ts";

/** The API's fields of a message, as read from a file; what the file has besides is named in `left`. */
export interface EmlMessage {
  readonly fields: Readonly<Record<string, unknown>>;
  /** Header fields of the file that do not go along, as the file spells them. */
  readonly left: readonly string[];
}

/** The API takes no larger message, and its parts take time to read. */
const maxBytes = 24 * 1024 * 1024;
const limits = { maxNestingDepth: 50, maxHeadersSize: 1024 * 1024, maxRfc822NestingDepth: 0 };

/** Fields of the header that the API's own fields stand for. */
const carried = new Set(["from", "to", "cc", "bcc", "reply-to", "subject", "mime-version"]);
/** Fields that the fleet writes anew, or that a relay has left on the way. */
const dropped =
  /^(content-.*|date|message-id|sender|in-reply-to|references|return-path|received|delivered-to|mailfleet-.*|resent-.*|dkim-signature|arc-.*|authentication-results)$/;

/**
 * Reads a message file (RFC 5322, MIME) into the API's fields. Message-ID and Date are fixed when the message is
 * accepted, and the fleet composes the MIME anew, so the message keeps its meaning and not its bytes.
 */
export async function readEml(bytes: Buffer, file: string): Promise<EmlMessage> {
  if (bytes.length > maxBytes) throw new CliError(`${file} is larger than ${maxBytes / 1024 / 1024} MiB.`);
  const email = await parse(bytes, file);
  if (!email.from && !email.to && email.headers.length === 0) {
    throw new CliError(`${file} is no message: it has no header.`);
  }

  const headers: Record<string, string[]> = {};
  const left: string[] = [];
  for (const { key, originalKey, value } of email.headers) {
    if (carried.has(key)) continue;
    if (dropped.test(key)) {
      if (["in-reply-to", "references", "sender"].includes(key)) left.push(originalKey);
      continue;
    }
    headers[originalKey] = [...(headers[originalKey] ?? []), value];
  }
  const fields = {
    from: email.from ? mailboxes([email.from])[0] : undefined,
    to: mailboxes(email.to),
    cc: mailboxes(email.cc),
    bcc: mailboxes(email.bcc),
    replyTo: mailboxes(email.replyTo),
    subject: email.subject,
    text: email.text,
    html: email.html,
    headers,
    attachments: email.attachments.map(toAttachment),
  };
  return { fields: Object.fromEntries(Object.entries(fields).filter(([, value]) => !isEmpty(value))), left };
}

async function parse(bytes: Buffer, file: string): Promise<Email> {
  try {
    return await PostalMime.parse(bytes, { ...limits, attachmentEncoding: "base64" });
  } catch (cause) {
    throw new CliError(`${file} cannot be read as a message: ${(cause as Error).message}`, { cause });
  }
}

/** Groups are sent to their members. */
const mailboxes = (addresses: readonly Address[] = []): object[] =>
  addresses
    .flatMap(({ name, address, group }) => group ?? [{ name, address: address ?? "" }])
    .map(({ name, address }) => ({ ...(name ? { name } : {}), address }));

function toAttachment({ filename, mimeType, content, contentId, disposition }: Attachment): object {
  return {
    ...(filename ? { filename } : {}),
    contentType: mimeType,
    content: content as string, // Base64, as it was asked for.
    ...(contentId ? { contentId: contentId.replace(/^<|>$/g, "") } : {}),
    ...(disposition === "inline" || disposition === "attachment" ? { disposition } : {}),
  };
}

const isEmpty = (value: unknown): boolean =>
  value === undefined ||
  (Array.isArray(value) && value.length === 0) ||
  (typeof value === "object" && value !== null && Object.keys(value).length === 0);
