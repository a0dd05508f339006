/** A parsed message for tests, made from header lines: what a parser would have said of them. */
import { parseMailboxes } from "../mailbox.ts";
import { readHeader } from "../message-header.ts";
import type { ParsedMessage } from "../parsed-message.ts";

export function written(lines: readonly string[], rest: Partial<ParsedMessage> = {}): ParsedMessage {
  const header = readHeader(Buffer.from(`${lines.join("\r\n")}\r\n\r\n`));
  if (!header.ok) throw new Error(header.code);
  const fields = header.fields.filter(({ name }) => name !== "").map(({ name, value }) => ({ name, value }));
  const value = (name: string) => fields.find((field) => field.name.toLowerCase() === name)?.value;
  const mailboxes = (name: string) => {
    const parsed = parseMailboxes(value(name) ?? "");
    const found = parsed.ok ? parsed.mailboxes : [];
    return found.map(({ name, address }) => (name ? { name, address: address.address } : { address: address.address }));
  };
  const messageIds = (name: string) => (value(name) ?? "").match(/<[^<>\s]+>/g) ?? [];
  const [messageId] = messageIds("message-id");
  return {
    ...(messageId ? { messageId } : {}),
    inReplyTo: messageIds("in-reply-to"),
    references: messageIds("references"),
    from: mailboxes("from"),
    replyTo: mailboxes("reply-to"),
    to: mailboxes("to"),
    cc: mailboxes("cc"),
    subject: value("subject") ?? "",
    fields,
    text: "Hello,\nwhere is my parcel?\n",
    attachments: [],
    cuts: [],
    ...rest,
  };
}

/** The same of a whole message, whose body is taken for its text. */
export function writtenFrom(bytes: Uint8Array): ParsedMessage {
  const header = readHeader(bytes);
  if (!header.ok) throw new Error(header.code);
  const lines = header.fields.map(({ name, value }) => `${name}: ${value}`);
  return written(lines, { text: Buffer.from(bytes.subarray(header.bodyOffset)).toString() });
}
