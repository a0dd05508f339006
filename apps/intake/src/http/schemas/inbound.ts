/** What came in, as the API shows it. */
import { inboundReasons } from "@mailfleet/mail";
import { inboundStates } from "@mailfleet/store";
import { z } from "zod";
import { paging } from "./paging.ts";
import { address, id, instant, issue, line } from "./primitives.ts";

const state = z.enum(inboundStates);

export const inboundMessage = z
  .object({
    id: z.string(),
    mailbox: z.string().describe("The mailbox's id, which outlives it."),
    messageId: z.string().nullable(),
    from: z.string().nullable(),
    subject: z.string().nullable(),
    place: z
      .object({ folder: z.string(), uidValidity: z.number(), uid: z.number() })
      .describe("Where it lay when it was last seen."),
    flags: z.array(z.string()),
    arrivedAt: z.date(),
    receivedAt: z.date(),
    sizeBytes: z.number(),
    hasContent: z.boolean(),
    state,
    reason: z.string().nullable().describe("A stable code."),
    detail: z.string().nullable(),
    dueAt: z.date().nullable().describe("When it may be worked on next."),
    endedAt: z.date().nullable(),
    run: z.int(),
    tries: z.int(),
    correspondent: z.string().nullable(),
  })
  .meta({ id: "InboundMessage" });

export const inboundDetail = inboundMessage
  .extend({
    waitsFor: z
      .enum(["approval", "tenant", "start_answering", "look", "due_at", "worker"])
      .nullable()
      .describe("Null where it has ended, or a worker has it in hand."),
    stoppedBy: z
      .enum(["mailbox", "tenant", "fleet"])
      .nullable()
      .describe("Whose kill switch keeps it from being answered; null once it has ended."),
    draft: z.record(z.string(), z.unknown()).nullable(),
    transcript: z.unknown(),
    decidedBy: z.string().nullable(),
    decidedAt: z.date().nullable(),
    answer: z
      .object({
        messageId: z.string(),
        message: z.string().nullable().describe("The answer's id among the messages; null where it lies in Drafts."),
        state: z.string().nullable(),
        answerer: z.string(),
        at: z.date(),
        deliveries: z.array(
          z.object({ id: z.string(), recipient: z.string(), state: z.string(), lastReason: z.string().nullable() }),
        ),
      })
      .nullable(),
    steps: z.array(z.object({ kind: z.string(), name: z.string(), startedAt: z.date(), endedAt: z.date().nullable() })),
    actions: z
      .array(
        z.object({
          kind: z.string(),
          detail: z.record(z.string(), z.unknown()),
          createdAt: z.date(),
          doneAt: z.date().nullable(),
          givenUp: z.boolean(),
          trouble: z.string().nullable(),
        }),
      )
      .describe("What is done in the mailbox."),
  })
  .meta({ id: "InboundDetail" });

export const attachments = z
  .object({
    items: z.array(
      z.object({
        n: z.int().describe("Its number in `/attachments/{n}`."),
        filename: z.string().nullable(),
        contentType: z.string().describe("What its sender says it is."),
        sizeBytes: z.int().describe("Decoded."),
      }),
    ),
  })
  .meta({ id: "InboundAttachments" });

const reason = z
  .string()
  .max(64, { abort: true })
  .superRefine((code, context) => {
    if (!inboundReasons.has(code)) issue(context, "bad_value", "No message has this reason.");
  });

export const inboundQuery = z.strictObject({
  mailbox: id.optional(),
  state: state.optional(),
  reason: reason.optional(),
  from: address.optional(),
  after: instant.optional().describe("Recorded at or after (RFC 3339)."),
  before: instant.optional().describe("Recorded before (RFC 3339)."),
  ...paging,
});

/** What is given blank is a mistake (an empty file, a cleared form), and not the wish to send the draft as it is. */
const written = (text: z.ZodString) =>
  text
    .superRefine((given, context) => {
      if (given.trim() === "") issue(context, "too_short", "It is blank; left out, the draft's own is sent.");
    })
    .optional();

export const approveInput = z
  .strictObject({
    subject: written(line(998)),
    text: written(z.string().max(1_048_576)),
    html: written(z.string().max(1_048_576)),
  })
  .optional()
  .default({})
  .describe(
    "What is sent instead of the draft: a text or HTML takes the place of both bodies, a subject of the subject.",
  );

export const rejectInput = z
  .strictObject({ note: line(1_000).optional() })
  .optional()
  .default({});

const notBegunAnew: readonly string[] = ["draft", "mailbox_deleted"];

export const requeueInput = z.strictObject({
  reason: reason
    .refine((code) => !notBegunAnew.includes(code), "What ended so is not begun anew.")
    .describe("Why they ended."),
  mailbox: id.optional(),
  from: address.optional(),
  after: instant.optional().describe("Recorded at or after (RFC 3339)."),
  before: instant.optional().describe("Recorded before (RFC 3339)."),
  limit: z.int().min(1).max(1_000).default(1_000).describe("At most so many at a time, oldest first."),
  cursor: z.uuid().optional().describe("`nextCursor` of the call before."),
});

export const requeuedBatch = z
  .object({
    requeued: z.int().describe("How many were begun anew."),
    more: z.boolean().describe("Whether others are left."),
    nextCursor: z.string().nullable().describe("Goes on with those; null where none is left."),
  })
  .meta({ id: "RequeuedBatch" });

export const attachmentParams = z.strictObject({ id, n: z.coerce.number().int().min(0).max(10_000) });
