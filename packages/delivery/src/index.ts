/** The DeliveryTarget contract at the SMTP and LMTP edge, and its targets. */
export * from "./delivery-target.ts";
export { type KeptMessage, type MemoryTarget, memoryTarget } from "./memory-target.ts";
export { type OutboxTargetOptions, outboxTarget, type SubmissionPolicy } from "./outbox-target.ts";
export { badContent, overloaded, reply, storeAway, tooManyRecipients } from "./replies.ts";
export { type ReadSubmissionFields, type SubmissionFields, submissionFieldLimits } from "./submission-fields.ts";
