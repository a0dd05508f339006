import { authorOf } from "./author.ts";
import { decodeWords, plainLine, valuesOf } from "./field-text.ts";
import { isMessageId } from "./message-fields.ts";
import type { ParsedField } from "./parsed-message.ts";

/** What a list of inbound messages shows of each, read from its header alone; absent where it cannot be read. */
export interface ListedMessage {
  /** With its angle brackets. */
  readonly messageId?: string;
  /** The author's address. */
  readonly headerFrom?: string;
  readonly subject?: string;
  /** By the Date field. */
  readonly date?: Date;
}

const subjectLength = 500;

export function listedMessage(fields: readonly ParsedField[]): ListedMessage {
  const messageId = /<[^<>\s]+>/.exec(valuesOf(fields, "Message-ID")[0] ?? "")?.[0];
  const author = authorOf({ fields });
  const subject = plainLine(
    decodeWords(valuesOf(fields, "Subject")[0]?.slice(0, 8 * subjectLength) ?? ""),
    subjectLength,
  );
  const date = new Date(valuesOf(fields, "Date")[0] ?? Number.NaN);
  return {
    ...(messageId !== undefined && isMessageId(messageId) ? { messageId } : {}),
    ...(author.kind === "one" ? { headerFrom: author.address.address } : {}),
    ...(subject === "" ? {} : { subject }),
    ...(Number.isNaN(date.getTime()) ? {} : { date }),
  };
}
