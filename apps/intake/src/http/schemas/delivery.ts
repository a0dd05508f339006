import { priorities } from "@mailfleet/mail";
import { z } from "zod";
import { deliveryState, messageState } from "./message.ts";
import { paging } from "./paging.ts";
import { address, id, instant } from "./primitives.ts";

export const delivery = z
  .object({
    id: z.string(),
    messageUid: z.string(),
    account: z.string().nullable(),
    recipient: z.string(),
    state: deliveryState,
    heldReason: z.enum(["in_doubt", "suspended", "poison"]).nullable(),
    attemptCount: z.int(),
    nextAttemptAt: z.date().nullable(),
    lastStatus: z.string().nullable(),
    lastReason: z.string().nullable(),
    createdAt: z.date(),
    endedAt: z.date().nullable(),
    resendOf: z.string().nullable(),
  })
  .meta({ id: "Delivery" });

export const attempt = z
  .object({
    number: z.int(),
    outcome: z.enum(["success", "transient_error", "permanent_error", "in_doubt"]),
    status: z.string(),
    replyCode: z.int().nullable(),
    reason: z.string(),
    endedAt: z.date(),
    durationMs: z.number().nullable(),
    lateOutcome: z.string().nullable(),
    lateReason: z.string().nullable(),
  })
  .meta({ id: "Attempt" });

export const deliveryReport = z
  .object({
    kind: z.enum(["bounce", "delay", "delivered", "complaint", "feedback", "disposition", "auto_reply", "unclear"]),
    hard: z.boolean().describe("Whether it says that the address is dead."),
    status: z.string().nullable(),
    diagnostic: z.string().nullable(),
    recipient: z.string().nullable().describe("Whom the report names."),
    at: z.date(),
    inbound: z.string().describe("The inbound message that it came as."),
  })
  .meta({ id: "DeliveryReport" });

export const deliveryDetail = delivery
  .extend({
    message: z.string().describe("The message's id."),
    attempts: z.array(attempt),
    reports: z.array(deliveryReport).describe("What has come in about it, oldest first; at most 100."),
  })
  .meta({ id: "DeliveryDetail" });

export const deadLetter = delivery
  .extend({ at: z.date(), message: z.string(), subject: z.string().nullable() })
  .meta({ id: "DeadLetter" });

export const message = z
  .object({
    id: z.string(),
    uid: z.string(),
    messageId: z.string(),
    state: messageState,
    counts: z.record(deliveryState, z.int()).describe("Deliveries by state."),
    account: z.string().nullable(),
    via: z.string(),
    returnPath: z.string().describe("The reverse-path; `<>` is the null one."),
    from: z.string().nullable(),
    subject: z.string().nullable(),
    priority: z.enum(priorities),
    inDoubt: z.enum(["retry", "hold"]),
    batch: z.string().nullable(),
    tags: z.array(z.string()),
    metadata: z.record(z.string(), z.unknown()).nullable(),
    sizeBytes: z.int(),
    acceptedAt: z.date(),
    sendAt: z.date().nullable(),
    expiresAt: z.date().nullable(),
  })
  .meta({ id: "Message" });

export const messageDetail = message.extend({ deliveries: z.array(delivery) }).meta({ id: "MessageDetail" });

export const cancellation = z
  .object({
    deliveries: z.array(
      z.object({
        id: z.string(),
        recipient: z.string(),
        result: z.enum(["cancelled", "sending", "ended"]).describe("`sending` is on its way and may arrive."),
      }),
    ),
  })
  .meta({ id: "Cancellation" });

/** What lists of mail are narrowed by; all conditions must hold. */
export const mailFilter = {
  recipient: address.optional(),
  account: id.optional(),
  batch: id.optional(),
  tag: z.string().min(1).max(64).optional(),
  after: instant.optional().describe("Accepted at or after (RFC 3339)."),
  before: instant.optional().describe("Accepted before (RFC 3339)."),
  ...paging,
};

export const messageQuery = z.strictObject({ state: messageState.optional(), ...mailFilter });
export const deliveryQuery = z.strictObject({ state: deliveryState.optional(), ...mailFilter });
export const deadLetterQuery = z.strictObject(mailFilter);

export const releaseInput = z.strictObject({
  action: z
    .enum(["retry", "markSent", "cancel"])
    .describe("Send it after all, perhaps again; or it has arrived; or it shall not be sent."),
});
