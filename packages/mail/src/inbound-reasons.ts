import { skipReasons } from "./skip-reasons.ts";

/** What may go wrong on the way to a webhook or a model; with the prefix of either. */
const ways = ["timeout", "unreachable", "url_refused", "address_refused", "response_too_large", "response_encoded"];

const failures = [
  "internal_error",
  "poison",
  "content_missing",
  "draft_missing",
  "answer_unusable",
  "escalation_unusable",
  "template_wrong",
  "template_failed",
  "template_output_too_long",
  "webhook_secret_wrong",
  "webhook_status",
  "webhook_bad_response",
  "model_settings",
  "model_unauthorized",
  "model_not_found",
  "model_rejected",
  "model_busy",
  "model_unavailable",
  "model_bad_response",
  "model_cut_off",
  "model_refused",
  "model_said_nothing",
  "steps_exhausted",
  ...ways.flatMap((way) => [`webhook_${way}`, `model_${way}`]),
  // Where nobody could look in the mailbox.
  "look_failed",
  "mailbox_unreachable",
  // What the outbox refuses.
  "no_account",
  "account_not_found",
  "id_conflict",
];

/** What people did, and where the answer went. */
const deeds = ["escalated", "rejected", "mailbox_deleted", "draft"];

/**
 * Every reason that a message which came in may be shown with. Who asks for another has mistyped it, and would take an
 * empty list for good news.
 */
export const inboundReasons: ReadonlySet<string> = new Set([...skipReasons, ...failures, ...deeds]);
