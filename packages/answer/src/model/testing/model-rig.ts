import { fileURLToPath } from "node:url";
import type { ModelSettings } from "@mailfleet/mail";
import { type ModelServer, startModelServer } from "@mailfleet/testkit";
import type { AnswerContext, AnswerDecision, AnswerDraft, AnswerRequest } from "../../answerer.ts";
import { context, question } from "../../testing/question.ts";
import { openModelAnswerer } from "../model-answerer.ts";
import { checkOperatorConfig, noOperatorConfig, type OperatorConfig } from "../operator-config.ts";

export interface ModelRig extends AsyncDisposable {
  readonly server: ModelServer;
  ask(
    settings?: Partial<ModelSettings>,
    request?: AnswerRequest,
    context?: Partial<AnswerContext>,
    operator?: Partial<OperatorConfig>,
  ): Promise<AnswerDecision>;
}

export const modelKey = "sk-test-7f3a9c";

/** A model server, and a way to ask through it. The server lies on loopback, which the operator here allows. */
export async function openModelRig(): Promise<ModelRig> {
  const server = await startModelServer();
  return {
    server,
    ask: (settings = {}, request = question(), changes = {}, operator = {}) =>
      openModelAnswerer(modelSettings(server.url, settings), { modelKey }, allowing(operator)).answer(request, {
        ...context(),
        ...changes,
      }),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

export const modelSettings = (url: string, changes: Partial<ModelSettings> = {}): ModelSettings => ({
  kind: "model",
  url,
  model: "test-model",
  systemPrompt: "You answer for a bakery.",
  timeoutMs: 5_000,
  maxOutputTokens: 500,
  images: false,
  threadMessages: 10,
  tools: [],
  httpTools: [],
  linkHosts: ["bakery.example"],
  maxSteps: 4,
  tokensPerMessage: 20_000,
  ...changes,
});

const allowing = (changes: Partial<OperatorConfig>): OperatorConfig => ({
  ...noOperatorConfig,
  allowPrivateNetworks: true,
  ...changes,
});

export function draftOf(decision: AnswerDecision): AnswerDraft {
  if (decision.kind !== "answer") throw new Error(`expected an answer: ${JSON.stringify(decision)}`);
  return decision;
}

/** A program of the operator's: this Node, with a script that shows what it was given. */
export const scriptTool = (script: string, changes: Readonly<Record<string, unknown>> = {}) => ({
  name: "orders",
  description: "Finds orders.",
  parameters: {
    type: "object",
    properties: { order: { type: "string", maxLength: 40 }, count: { type: "integer" } },
    required: ["order"],
  },
  program: process.execPath,
  arguments: [
    fileURLToPath(new URL(script, import.meta.url)),
    "{order}",
    "--count={count}",
    "--customer={correspondent}",
  ],
  ...changes,
});

export function toolsOf(...tools: readonly object[]): Pick<OperatorConfig, "tools"> {
  const checked = checkOperatorConfig({ tools });
  if (!checked.ok) throw new Error(JSON.stringify(checked.problems));
  return { tools: checked.config.tools };
}
