import { composeLimits, deliveryStates, priorities } from "@mailfleet/mail";
import { z } from "zod";
import { id, instant, issue, line, list, unsupported } from "./primitives.ts";

export const messageLimits = {
  tags: 20,
  tagLength: 64,
  metadataBytes: 8_192,
  /** How far ahead mail may be scheduled. */
  sendAheadMs: 366 * 86_400_000,
  batch: 1_000,
} as const;

const mailbox = z
  .union([z.string().max(1_024), z.strictObject({ name: line(512).optional(), address: z.string().max(1_024) })])
  .describe('`"ann@example.org"`, `"Ann <ann@example.org>"` or `{"name": "Ann", "address": "ann@example.org"}`.')
  .meta({ id: "Mailbox" });

const mailboxes = (max: number) =>
  z.union([mailbox.transform((one) => [one]), list(mailbox, max)]).describe("One mailbox, or a list of them.");

const headerValue = z.string().max(composeLimits.headerValueLength);

const attachment = z
  .strictObject({
    filename: z.string().max(composeLimits.filenameLength).optional(),
    contentType: z
      .string()
      .max(composeLimits.contentTypeLength)
      .optional()
      .describe("Found from the filename where it is absent."),
    content: z.string().describe("Base64 (RFC 4648, section 4), without line breaks."),
    contentId: z.string().max(255).optional().describe("Without angle brackets; for `cid:` in the HTML."),
    disposition: z.enum(["attachment", "inline"]).optional(),
  })
  .meta({ id: "Attachment" });

/** What JSON can say and PostgreSQL cannot store: NUL, and halves of surrogate pairs, which alone are still escaped. */
const unstorable = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/;

const metadata = z
  .record(z.string().max(256), z.unknown())
  .superRefine((value, context) => {
    const text = JSON.stringify(value);
    if (Buffer.byteLength(text) > messageLimits.metadataBytes) {
      issue(context, "too_long", `As JSON, at most ${messageLimits.metadataBytes} bytes.`);
    } else if (unstorable.test(text)) {
      issue(context, "control_character", "A text in it has a NUL, or is not well-formed.");
    }
  })
  .describe("Returned in every event; as JSON at most 8 KiB.");

const fields = {
  id: id.optional().describe("Yours, unique in the tenant. The same id with the same content is the same message."),
  account: id.optional().describe("The tenant's default account where it is absent."),
  from: mailbox,
  to: mailboxes(composeLimits.recipients).optional(),
  cc: mailboxes(composeLimits.recipients).optional(),
  bcc: mailboxes(composeLimits.recipients).optional(),
  replyTo: mailboxes(composeLimits.replyTo).optional(),
  returnPath: z
    .string()
    .max(1_024)
    .optional()
    .describe("The reverse-path: an address, or `<>`. `from` where it is absent."),
  subject: z.string().max(composeLimits.subjectLength).optional(),
  text: z.string().optional(),
  html: z.string().optional(),
  template: unsupported("template").optional(),
  headers: z
    .record(z.string().max(200), z.union([headerValue, list(headerValue, composeLimits.headers)]))
    .optional()
    .describe("Own header fields. Those that the fleet writes itself are refused."),
  attachments: list(attachment, composeLimits.attachments).optional(),
  priority: z.enum(priorities).default("medium"),
  sendAt: instant.optional().describe("Not before this time, at most a year ahead (RFC 3339)."),
  expiresAt: instant.optional().describe("No attempt begins after this time (RFC 3339)."),
  batch: id.optional(),
  tags: list(line(messageLimits.tagLength).min(1), messageLimits.tags).optional(),
  metadata: metadata.optional(),
  inReplyTo: z
    .strictObject({ inbound: id })
    .optional()
    .describe("The inbound message that it answers: it joins its thread, and takes its subject where it has none."),
  inDoubt: z
    .enum(["retry", "hold"])
    .default("retry")
    .describe("What becomes of mail that may or may not have been sent."),
};

/** `POST /v1/messages`. What addresses, headers and attachments say is judged where the message is composed. */
export const messageInput = z.strictObject(fields).meta({
  id: "MessageFields",
  example: {
    id: "order-7-shipped",
    from: "Ann <ann@example.org>",
    to: ["bob@example.net"],
    subject: "Your order is on its way",
    text: "It will be there tomorrow.",
  },
});

export type MessageInput = z.output<typeof messageInput>;

/** What the messages of a batch share; each may say otherwise. */
const { id: _id, ...shared } = fields;
export const batchDefaults = z.strictObject(shared).partial().meta({ id: "BatchDefaults" });

/** As documented. Each message is judged by itself, together with the defaults. */
export const batchInput = z.strictObject({
  defaults: batchDefaults.optional(),
  messages: z.array(messageInput.partial()).min(1).max(messageLimits.batch),
});

/** As read: what is wrong with one message must not refuse the others. */
export const batchEnvelope = z.strictObject({
  defaults: z.record(z.string(), z.unknown()).optional().default({}),
  messages: list(z.unknown(), messageLimits.batch).refine((messages) => messages.length > 0, {
    message: "At least one message.",
    params: { code: "too_few" },
  }),
});

export const deliveryState = z.enum(deliveryStates);
export const messageState = z.enum(["pending", "active", "done"]);

/** What a submission is answered with. */
export const accepted = z
  .object({
    id: z.string(),
    messageId: z.string().describe("The Message-ID header field."),
    state: messageState,
    deliveries: z.array(z.object({ id: z.string(), recipient: z.string(), state: deliveryState })),
  })
  .meta({ id: "Accepted" });

export const fieldError = z
  .object({ path: z.string(), code: z.string(), detail: z.string() })
  .meta({ id: "FieldError" });

export const batchResult = z
  .object({
    accepted: z.array(accepted.extend({ index: z.int() })),
    rejected: z.array(
      z.object({
        index: z.int().describe("The position in `messages`."),
        id: z.string().nullable(),
        code: z.string(),
        detail: z.string(),
        errors: z.array(fieldError).optional(),
      }),
    ),
  })
  .meta({ id: "BatchResult" });
