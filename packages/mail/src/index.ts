/** The mail domain, pure: nothing in here does I/O. */
export * from "./address.ts";
export * from "./answer-recipient.ts";
export * from "./answer-settings.ts";
export * from "./authentication-results.ts";
export * from "./backoff.ts";
export * from "./compose.ts";
export * from "./decide.ts";
export * from "./dsn.ts";
export * from "./durations.ts";
export * from "./ending.ts";
export * from "./envelope.ts";
export * from "./envelope-flags.ts";
export { formatDate, type HeaderField } from "./field.ts";
export * from "./fingerprint.ts";
export * from "./ids.ts";
export * from "./mailbox.ts";
export * from "./mailbox-settings.ts";
export {
  type AttachmentInput,
  composeLimits,
  type FieldProblem,
  type MailboxInput,
  type MessageFields,
} from "./message-fields.ts";
export * from "./message-header.ts";
export * from "./outcome.ts";
export * from "./parsed-message.ts";
export * from "./received.ts";
export * from "./reply.ts";
export * from "./retry.ts";
export * from "./sender-list.ts";
export * from "./skip-reasons.ts";
export * from "./states.ts";
export * from "./status.ts";
export * from "./verp.ts";
