import { randomUUID } from "node:crypto";

/** A letter as a person's mail program writes it. */
export function letterTo(
  to: string,
  {
    from = "Ann <ann@example.net>",
    subject = "A question",
    text = "Where is my parcel?",
    trace = [],
    header = [],
    messageId = `<${randomUUID()}@example.net>`,
  }: {
    readonly from?: string;
    readonly subject?: string;
    readonly text?: string;
    /** What servers on its way have put on top. */
    readonly trace?: readonly string[];
    readonly header?: readonly string[];
    readonly messageId?: string;
  } = {},
): string {
  const fields = [
    ...trace,
    `From: ${from}`,
    `To: ${to}`,
    `Subject: ${subject}`,
    `Date: ${new Date().toUTCString().replace("GMT", "+0000")}`,
    `Message-ID: ${messageId}`,
    ...header,
  ];
  return `${fields.join("\r\n")}\r\n\r\n${text}\r\n`;
}
