/** The mail domain, pure: nothing in here does I/O. */
export * from "./address.ts";
export * from "./answer-recipient.ts";
export * from "./answer-settings.ts";
export * from "./authentication-results.ts";
export { authorOf, type SoleMailbox } from "./author.ts";
export * from "./backoff.ts";
export * from "./compose.ts";
export * from "./compose-answer.ts";
export * from "./decide.ts";
export * from "./dsn.ts";
export * from "./durations.ts";
export * from "./ending.ts";
export * from "./envelope.ts";
export * from "./envelope-flags.ts";
export * from "./envelope-id.ts";
export { formatDate, type HeaderField } from "./field.ts";
export * from "./fingerprint.ts";
export * from "./html.ts";
export * from "./ids.ts";
export * from "./inbound-reasons.ts";
export * from "./listed-message.ts";
export * from "./loop-guard/judge-automatic.ts";
export * from "./loop-header.ts";
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
export * from "./reply-subject.ts";
export * from "./reply-trim/trim-reply.ts";
export { type Permanence, permanence } from "./report/permanence.ts";
export { readReport } from "./report/read-report.ts";
export * from "./report/report.ts";
export { deliveryOfReport } from "./report/traces.ts";
export * from "./retry.ts";
export * from "./sender-list.ts";
export type { Sign } from "./signed-name.ts";
export * from "./skip-reasons.ts";
export * from "./states.ts";
export * from "./status.ts";
export * from "./thread.ts";
export * from "./verp.ts";
