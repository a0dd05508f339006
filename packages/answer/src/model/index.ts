/** Answers by language models: what they are shown, what they may do, and what of it gets out. */
export type { ModelBudget, ModelUse } from "./budget.ts";
export { openModelAnswerer } from "./model-answerer.ts";
export { checkModelSettings } from "./model-settings.ts";
export {
  type CheckedOperatorConfig,
  type CommandTool,
  type ConfigProblem,
  checkOperatorConfig,
  noOperatorConfig,
  type OperatorConfig,
} from "./operator-config.ts";
export type { ModelStep, RemovedCounts, ToolStep, Transcript, TranscriptStep } from "./transcript.ts";
