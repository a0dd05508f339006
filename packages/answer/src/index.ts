/** Answerers: what answers a message, from a template, the tenant's webhook, or a language model. */
export * from "./answerer.ts";
export {
  checkUrl,
  type EgressProblem,
  type EgressRequest,
  type EgressResponse,
  type EgressResult,
  type EgressRules,
  guardedFetch,
} from "./egress.ts";
export { callEscalation, type Escalated } from "./escalation.ts";
export { checkTemplate, openTemplateAnswerer, type TemplateProblem } from "./template.ts";
export { type TemplateVariables, templateLimits, templateVariables } from "./template-variables.ts";
export { openWebhookAnswerer } from "./webhook.ts";
export { readRetryAfter } from "./webhook-call.ts";
export { type WebhookAttachment, type WebhookQuestion, webhookLimits, webhookQuestion } from "./webhook-question.ts";
export { webhookReply } from "./webhook-reply.ts";
export { parseWebhookSecrets, type WebhookSecrets } from "./webhook-signature.ts";
