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
export type {
  CheckedOperatorConfig,
  CommandTool,
  ConfigProblem,
  ModelBudget,
  ModelStep,
  ModelUse,
  OperatorConfig,
  RemovedCounts,
  ToolStep,
  Transcript,
  TranscriptStep,
} from "./model/index.ts";
// From their own files: the door of model/ loads the AI SDK, which only those need who ask a model.
export { checkModelSettings } from "./model/model-settings.ts";
export { checkOperatorConfig, noOperatorConfig } from "./model/operator-config.ts";
export { openAnswerer } from "./open-answerer.ts";
export { operatorSettings } from "./operator-settings.ts";
export { checkTemplate, type TemplateProblem } from "./template.ts";
export { type TemplateVariables, templateLimits, templateVariables } from "./template-variables.ts";
export { trialJournal } from "./trial-journal.ts";
export { type WebhookAttachment, type WebhookQuestion, webhookLimits } from "./webhook-question.ts";
export { webhookReply } from "./webhook-reply.ts";
export { parseWebhookSecrets, type WebhookSecrets } from "./webhook-signature.ts";
