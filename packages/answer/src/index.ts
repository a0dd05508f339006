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
export { checkTemplate, openTemplateAnswerer, type TemplateProblem } from "./template.ts";
export { type TemplateVariables, templateLimits, templateVariables } from "./template-variables.ts";
