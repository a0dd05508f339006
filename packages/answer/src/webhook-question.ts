import type { ParsedAttachment, ParsedField, WrittenMailbox } from "@mailfleet/mail";
import type { AnswerRequest } from "./answerer.ts";

/**
 * What a tenant's service is told of a message; `data` of the event. Its version changes when what is here changes its
 * meaning or goes away; fields may come at any time.
 */
export interface WebhookQuestion {
  readonly version: 1;
  readonly tenant: string;
  readonly mailbox: string;
  /** The message's id in the API, and the request's `webhook-id`. */
  readonly inbound: string;
  /** Where the API gives the whole message. */
  readonly contentPath: string;
  readonly receivedAt: string;
  /** Which try this is; the first is 1. */
  readonly attempt: number;
  readonly correspondent: WrittenMailbox;
  readonly authenticated: boolean;
  readonly message: {
    readonly messageId: string | null;
    readonly inReplyTo: readonly string[];
    readonly references: readonly string[];
    readonly date: string | null;
    readonly from: readonly WrittenMailbox[];
    readonly replyTo: readonly WrittenMailbox[];
    readonly to: readonly WrittenMailbox[];
    readonly cc: readonly WrittenMailbox[];
    readonly subject: string;
    /** The text without quotes and signature. */
    readonly written: string;
    readonly text: string;
    readonly html: string | null;
    readonly headers: readonly ParsedField[];
    readonly attachments: readonly WebhookAttachment[];
    /** What was left out because of a limit, such as `text_cut` or `headers_cut`. */
    readonly cuts: readonly string[];
  };
  /** Earlier messages of the thread, from or to the same correspondent, oldest first. */
  readonly thread: readonly { readonly from: "correspondent" | "us"; readonly at: string; readonly text: string }[];
}

export interface WebhookAttachment {
  readonly number: number;
  readonly filename: string | null;
  readonly contentType: string;
  readonly contentId: string | null;
  readonly disposition: "attachment" | "inline";
  readonly sizeBytes: number;
  /** Where the API gives its content. */
  readonly path: string;
}

/** Lengths in UTF-16 units; the newest turns of a thread are kept. */
export const webhookLimits = {
  textLength: 200_000,
  htmlLength: 500_000,
  lineLength: 1_000,
  mailboxes: 100,
  attachments: 100,
  headers: 200,
  headersLength: 50_000,
  turns: 50,
  turnLength: 10_000,
  responseBytes: 4 * 1_024 * 1_024,
} as const;

export function webhookQuestion(request: AnswerRequest): WebhookQuestion {
  const { message } = request;
  const cuts = new Set(message.cuts);
  const most = <T>(items: readonly T[], count: number, code: string): readonly T[] => {
    if (items.length > count) cuts.add(code);
    return items.slice(0, count);
  };
  const text = (whole: string, length: number, code: string): string => {
    if (whole.length > length) cuts.add(code);
    return whole.slice(0, length).toWellFormed();
  };
  const line = (whole: string): string => text(whole, webhookLimits.lineLength, "line_cut");
  const mailboxes = (all: readonly WrittenMailbox[]) =>
    most(all, webhookLimits.mailboxes, "mailboxes_cut").map((mailbox) => plainMailbox(mailbox, line));
  const path = `/v1/inbound/${encodeURIComponent(request.inboundId)}`;
  const told = {
    messageId: message.messageId === undefined ? null : line(message.messageId),
    inReplyTo: message.inReplyTo.map(line),
    references: message.references.map(line),
    date: timeOf(message.date),
    from: mailboxes(message.from),
    replyTo: mailboxes(message.replyTo),
    to: mailboxes(message.to),
    cc: mailboxes(message.cc),
    subject: line(message.subject),
    written: text(request.written, webhookLimits.textLength, "written_cut"),
    text: text(message.text, webhookLimits.textLength, "text_cut"),
    html: message.html === undefined ? null : text(message.html, webhookLimits.htmlLength, "html_cut"),
    headers: most(message.fields, countOfHeaders(message.fields), "headers_cut"),
    attachments: most(message.attachments, webhookLimits.attachments, "attachments_cut").map((attachment) =>
      plainAttachment(attachment, path, line),
    ),
  };
  return {
    version: 1,
    tenant: request.tenantId,
    mailbox: request.mailboxId,
    inbound: request.inboundId,
    contentPath: `${path}/content`,
    receivedAt: request.receivedAt.toISOString(),
    attempt: request.attempt,
    correspondent: plainMailbox(request.correspondent, line),
    authenticated: request.authenticated,
    message: { ...told, cuts: [...cuts] },
    thread: request.thread.slice(-webhookLimits.turns).map((turn) => ({
      from: turn.from,
      at: turn.at.toISOString(),
      text: turn.text.slice(0, webhookLimits.turnLength).toWellFormed(),
    })),
  };
}

const timeOf = (date: Date | undefined): string | null =>
  date === undefined || Number.isNaN(date.getTime()) ? null : date.toISOString();

const plainMailbox = ({ name, address }: WrittenMailbox, line: (text: string) => string): WrittenMailbox => ({
  ...(name !== undefined && { name: line(name) }),
  address: line(address),
});

const plainAttachment = (
  { number, filename, contentType, contentId, disposition, sizeBytes }: ParsedAttachment,
  path: string,
  line: (text: string) => string,
): WebhookAttachment => ({
  number,
  filename: filename === undefined ? null : line(filename),
  contentType: line(contentType),
  contentId: contentId === undefined ? null : line(contentId),
  disposition,
  sizeBytes,
  path: `${path}/attachments/${number}`,
});

/** How many of the first fields fit. */
function countOfHeaders(fields: readonly ParsedField[]): number {
  let length = 0;
  const over = fields.findIndex(({ name, value }, i) => {
    length += name.length + value.length;
    return i >= webhookLimits.headers || length > webhookLimits.headersLength;
  });
  return over < 0 ? fields.length : over;
}
