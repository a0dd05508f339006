import type { AnswerRequest } from "./answerer.ts";

/** What a template may say. All of it is there, empty where the message has none; all of it is a stranger's writing. */
export interface TemplateVariables {
  /** The author, after the message's From. */
  readonly from: { readonly name: string; readonly address: string };
  /** Addresses only. */
  readonly to: readonly string[];
  readonly cc: readonly string[];
  readonly subject: string;
  /** What the person wrote, without quotes and signature. */
  readonly text: string;
  readonly fullText: string;
  /** RFC 3339, UTC: what the message says, or else when it came. */
  readonly date: string;
  /** With its angle brackets. */
  readonly messageId: string;
  /** The mailbox's id. */
  readonly mailbox: string;
  readonly attachments: readonly {
    readonly filename: string;
    readonly contentType: string;
    readonly sizeBytes: number;
  }[];
}

/** Of one template, in UTF-16 units, objects and milliseconds. */
export const templateLimits = {
  templateLength: 65_536,
  /** Of what stands within `{{ }}` and `{% %}`. */
  markupLength: 8_192,
  brackets: 200,
  variableLength: 50_000,
  listLength: 100,
  /** What one rendering may make, values put out included. */
  memory: 4_000_000,
  renderMs: 250,
} as const;

export function templateVariables(request: AnswerRequest): TemplateVariables {
  const { message, correspondent } = request;
  const from = message.from[0] ?? correspondent;
  return {
    from: { name: bounded(from.name), address: bounded(from.address) },
    to: message.to.slice(0, templateLimits.listLength).map(({ address }) => bounded(address)),
    cc: message.cc.slice(0, templateLimits.listLength).map(({ address }) => bounded(address)),
    subject: bounded(message.subject),
    text: bounded(request.written),
    fullText: bounded(message.text),
    date: (isTime(message.date) ? message.date : request.receivedAt).toISOString(),
    messageId: bounded(message.messageId),
    mailbox: request.mailboxId,
    attachments: message.attachments
      .slice(0, templateLimits.listLength)
      .map(({ filename, contentType, sizeBytes }) => ({ filename: bounded(filename), contentType, sizeBytes })),
  };
}

const bounded = (text = ""): string => text.slice(0, templateLimits.variableLength).toWellFormed();

const isTime = (date: Date | undefined): date is Date => date !== undefined && !Number.isNaN(date.getTime());

/** A message that has everything, to try templates on. */
export const sampleVariables: TemplateVariables = {
  from: { name: "Ann Example", address: "ann@example.org" },
  to: ["help@example.com"],
  cc: ["bob@example.org"],
  subject: "A question",
  text: "When do you open?\n\nAnn",
  fullText: "When do you open?\n\nAnn\n\n> We are closed today.",
  date: "2025-01-31T12:00:00.000Z",
  messageId: "<1@example.org>",
  mailbox: "help",
  attachments: [{ filename: "door.png", contentType: "image/png", sizeBytes: 1_024 }],
};

/** Whether a path, as a template spells it, leads to a variable; a segment that is computed may be anything. */
export function isVariable(path: readonly unknown[], within: unknown = sampleVariables): boolean {
  const [segment, ...rest] = path;
  if (segment === undefined || Array.isArray(segment)) return true;
  if (Array.isArray(within)) {
    if (segment === "size") return rest.length === 0;
    const isItem = segment === "first" || segment === "last" || Number.isInteger(segment);
    return isItem && isVariable(rest, within[0]);
  }
  if (typeof within === "string") return segment === "size" && rest.length === 0;
  if (typeof within !== "object" || within === null || !Object.hasOwn(within, String(segment))) return false;
  return isVariable(rest, within[String(segment) as keyof typeof within]);
}
