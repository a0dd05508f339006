import { epochMs } from "../simulated-database.ts";

/** A message that somebody writes to a mailbox. */
export interface Letter {
  /** Its subject, which no other letter to the mailbox has. */
  readonly key: string;
  readonly messageId?: string;
  readonly bytes: Buffer;
  /** Says of itself that a program wrote it. */
  readonly isAutomatic: boolean;
}

export interface LetterFacts {
  readonly key: string;
  readonly to: string;
  readonly from: string;
  readonly hasMessageId: boolean;
  readonly isAutomatic: boolean;
  /** The way that it took, for what came by SMTP; another way is another message, though the letter is the same. */
  readonly way?: string;
  readonly writtenAtMs: number;
}

export function writeLetter({ key, to, from, hasMessageId, isAutomatic, way, writtenAtMs }: LetterFacts): Letter {
  const messageId = `<${key}.${to}>`;
  const date = new Date(epochMs + writtenAtMs).toUTCString();
  const fields = [
    ...(way === undefined ? [] : [`Received: from ${way} by mx.acme.test; ${date}`]),
    `From: ${from}`,
    `To: ${to}`,
    `Subject: ${key}`,
    ...(hasMessageId ? [`Message-ID: ${messageId}`] : []),
    `Date: ${date}`,
    ...(isAutomatic ? ["Auto-Submitted: auto-generated"] : []),
  ];
  const bytes = Buffer.from(`${fields.join("\r\n")}\r\n\r\nWhen do you open?\r\n`);
  return { key, ...(hasMessageId && { messageId }), bytes, isAutomatic };
}
