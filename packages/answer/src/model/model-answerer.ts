/**
 * Answers by a language model, step by step: each call of the model and of a tool is a step of the journal, so that a
 * crash replays what was said and done, and asks nobody again.
 */
import { createHash } from "node:crypto";
import type { MailboxSecrets, ModelSettings } from "@mailfleet/mail";
import {
  type AnswerContext,
  type AnswerDecision,
  type Answerer,
  type AnswerFailure,
  type AnswerRequest,
  answerLimits,
} from "../answerer.ts";
import { allowanceOf, costOf, type ModelUse } from "./budget.ts";
import { type Conversation, openConversation } from "./conversation.ts";
import { callModel, type ModelEndpoint, type ModelReply, type ModelTrouble, type ToolCall } from "./model-call.ts";
import { modelFailure } from "./model-failure.ts";
import { checkModelSettings } from "./model-settings.ts";
import type { OperatorConfig } from "./operator-config.ts";
import { cleanAnswer, cleanNote } from "./output-policy.ts";
import { cutText } from "./plain-characters.ts";
import { buildPrompt } from "./prompt.ts";
import { type ToolResult, toolFailed } from "./tool-result.ts";
import { openToolbox, type Toolbox } from "./toolbox.ts";
import type { Transcript, TranscriptStep } from "./transcript.ts";

export const modelLimits = {
  /** Of one reply; the model is told that the others were not made. */
  callsPerStep: 8,
  /** Of what a transcript shows of a call's arguments, in UTF-16 units. */
  argumentsLength: 1_000,
} as const;

/** Cheap, and it holds nothing. Wrong settings end as `failed: model_settings`. */
export function openModelAnswerer(
  settings: ModelSettings,
  secrets: Pick<MailboxSecrets, "modelKey" | "toolToken">,
  operator: OperatorConfig,
): Answerer {
  return {
    async answer(request, context) {
      if ((settings.tokensPerDay !== undefined || settings.costPerDay !== undefined) && !context.budget) {
        throw new Error("a model with a cap per day was asked without a budget");
      }
      const [wrong] = checkModelSettings(settings, operator);
      if (wrong) {
        const failure = modelFailure("model_settings", true, `${wrong.field}: ${wrong.detail}`);
        return orFallback(settings, request, failure, emptyTranscript(settings));
      }
      const toolbox = openToolbox(settings, operator, secrets);
      const conversation = openConversation(buildPrompt(settings, request));
      const talk: Talk = {
        endpoint: { settings, secrets, rules: operator },
        request,
        context,
        toolbox,
        conversation,
        promptHash: hashOf([settings.model, settings.temperature, conversation.digest, toolbox.endings, toolbox.tools]),
        used: { tokens: 0, cost: 0 },
        steps: [],
      };
      return decide(talk);
    },
  };
}

/** One message's. */
interface Talk {
  readonly endpoint: ModelEndpoint;
  readonly request: AnswerRequest;
  readonly context: AnswerContext;
  readonly toolbox: Toolbox;
  readonly conversation: Conversation;
  readonly promptHash: string;
  used: ModelUse;
  readonly steps: TranscriptStep[];
}

async function decide(talk: Talk): Promise<AnswerDecision> {
  const { settings } = talk.endpoint;
  for (let step = 1; step <= settings.maxSteps; step++) {
    talk.context.signal.throwIfAborted();
    const isLast = step === settings.maxSteps;
    const reply = await ask(talk, step, isLast);
    if (reply.kind === "trouble") return failed(talk, reply.failure);
    take(talk, reply);
    if (reply.calls.length === 0) return concluded(talk, reply);
    const ending = endingOf(talk, reply.calls);
    if (ending) return ending;
    if (isLast) break;
    talk.conversation.add(reply, await callTools(talk, step, reply.calls));
  }
  return failed(
    talk,
    modelFailure("steps_exhausted", true, `No answer after ${settings.maxSteps} calls of the model.`),
  );
}

/** The last step offers the endings only: what a tool said then, nobody could use. */
async function ask(talk: Talk, step: number, isLast: boolean): Promise<ModelReply | ModelTrouble> {
  const { endpoint, context, toolbox, conversation, promptHash } = talk;
  const tools = isLast ? toolbox.endings : [...toolbox.endings, ...toolbox.tools];
  const inputTokens = conversation.estimateTokens(tools);
  const allowance = allowanceOf(endpoint.settings, talk.used, inputTokens);
  if (!allowance) return exhausted("The caps of the message leave nothing for another call of the model.");
  const facts = {
    kind: "model",
    name: endpoint.settings.model,
    request: { step, promptHash, conversation: conversation.digest },
  } as const;
  return stepOrTrouble(context, facts, async () => {
    if (context.budget && !(await context.budget.reserve(allowance.reserve))) {
      throw new Unanswered(
        exhausted("The budget of the day, or the tenant's, leaves nothing for a call of the model."),
      );
    }
    const question = {
      instructions: conversation.instructions,
      messages: conversation.messages,
      tools,
      maxOutputTokens: allowance.maxOutputTokens,
      estimatedInputTokens: inputTokens,
    };
    const reply = await callModel(endpoint, question, context.signal);
    if (reply.kind === "trouble") {
      if (reply.free) await context.budget?.spent(allowance.reserve, { tokens: 0, cost: 0 });
      throw new Unanswered(reply);
    }
    await context.budget?.spent(allowance.reserve, useOf(endpoint.settings, reply));
    return reply;
  });
}

/** Keeps trouble out of the journal, which remembers every step that returns. */
class Unanswered extends Error {
  readonly trouble: ModelTrouble;
  constructor(trouble: ModelTrouble) {
    super(trouble.failure.code);
    this.trouble = trouble;
  }
}

async function stepOrTrouble(
  { journal }: AnswerContext,
  facts: Parameters<AnswerContext["journal"]["step"]>[0],
  act: () => Promise<ModelReply>,
): Promise<ModelReply | ModelTrouble> {
  try {
    return await journal.step(facts, act);
  } catch (error) {
    if (error instanceof Unanswered) return error.trouble;
    throw error;
  }
}

const exhausted = (detail: string): ModelTrouble => ({
  kind: "trouble",
  failure: modelFailure("budget_exhausted", true, detail),
  free: true,
});

const useOf = (settings: ModelSettings, { inputTokens, outputTokens }: ModelReply): ModelUse => ({
  tokens: inputTokens + outputTokens,
  cost: costOf(settings, inputTokens, outputTokens),
});

function take(talk: Talk, reply: ModelReply): void {
  const { settings } = talk.endpoint;
  const { tokens, cost } = useOf(settings, reply);
  talk.used = { tokens: talk.used.tokens + tokens, cost: talk.used.cost + cost };
  const { inputTokens, outputTokens, ms, finish } = reply;
  talk.steps.push({ kind: "model", name: settings.model, inputTokens, outputTokens, ms, finish });
}

/** One after the other, in the model's order. What exceeds the limit has a result too, as protocols demand. */
async function callTools(talk: Talk, step: number, calls: readonly ToolCall[]): Promise<readonly ToolResult[]> {
  const results: ToolResult[] = [];
  for (const [index, call] of calls.entries()) {
    const result = index < modelLimits.callsPerStep ? await callTool(talk, step, index, call) : tooMany();
    results.push(result);
    talk.steps.push({
      kind: "tool",
      name: cutText(call.name, 64),
      arguments: cutText(JSON.stringify(call.arguments) ?? "", modelLimits.argumentsLength),
      outcome: result.outcome,
      outputLength: result.output.length,
      ms: result.ms,
    });
  }
  return results;
}

/** The key of a call is its place and its words, so that it stays the same where the prompt around it changed. */
const callTool = (
  { context, request, toolbox }: Talk,
  step: number,
  index: number,
  call: ToolCall,
): Promise<ToolResult> =>
  context.journal.step(
    { kind: "tool", name: cutText(call.name, 64), request: { step, call: index, arguments: call.arguments } },
    (idempotencyKey) => toolbox.run(call, request, idempotencyKey, context.signal),
  );

const tooMany = (): ToolResult =>
  toolFailed("tool_calls_exceeded", `At most ${modelLimits.callsPerStep} calls at once.`, performance.now());

/** Asking for a person outweighs silence, and either outweighs whatever else the model wanted at the same time. */
function endingOf(talk: Talk, calls: readonly ToolCall[]): AnswerDecision | undefined {
  const note = ({ arguments: given }: ToolCall, key: string): string => {
    const said = (given as Readonly<Record<string, unknown>> | null)?.[key];
    return (
      cleanNote(typeof said === "string" ? said : "", linkRules(talk), answerLimits.noteLength) ||
      "The model gave no reason."
    );
  };
  const escalate = calls.find(({ name }) => name === "escalate");
  if (escalate) return { kind: "escalate", note: note(escalate, "note"), transcript: transcriptOf(talk) };
  const decline = calls.find(({ name }) => name === "decline");
  return decline && { kind: "decline", reason: note(decline, "reason"), transcript: transcriptOf(talk) };
}

const linkRules = ({ endpoint, request }: Talk) => ({
  hosts: endpoint.settings.linkHosts,
  addresses: [request.correspondent.address],
});

function concluded(talk: Talk, reply: ModelReply): AnswerDecision {
  if (reply.finish === "length") {
    return failed(
      talk,
      modelFailure("model_cut_off", true, "The answer did not fit into the tokens that it may have."),
    );
  }
  if (reply.finish === "content-filter") {
    return failed(talk, modelFailure("model_refused", true, "The model's endpoint withheld the answer."));
  }
  const { text, html, removed } = cleanAnswer(reply.text, linkRules(talk));
  if (text === "") return failed(talk, modelFailure("model_said_nothing", true, "The model's answer has no words."));
  return {
    kind: "answer",
    text,
    html,
    answeredBy: talk.endpoint.settings.model,
    transcript: { ...transcriptOf(talk), removed },
  };
}

const failed = (talk: Talk, failure: AnswerFailure): AnswerDecision =>
  orFallback(talk.endpoint.settings, talk.request, failure, transcriptOf(talk));

/** The fallback stands in for an answer where no further try follows. */
function orFallback(
  { fallback }: ModelSettings,
  { attempt, maxTries }: AnswerRequest,
  failure: AnswerFailure,
  transcript: Transcript,
): AnswerDecision {
  const isFinal = failure.permanent || (maxTries !== undefined && attempt >= maxTries);
  if (!fallback || !isFinal) return { ...failure, transcript };
  return {
    kind: "answer",
    text: fallback,
    answeredBy: "fallback",
    transcript: { ...transcript, failure: failure.code },
  };
}

const transcriptOf = ({ endpoint: { settings }, promptHash, steps, used }: Talk): Transcript => ({
  promptHash,
  model: settings.model,
  steps: [...steps],
  tokens: used.tokens,
  ...(settings.price && { cost: used.cost }),
});

const emptyTranscript = ({ model }: ModelSettings): Transcript => ({ promptHash: "", model, steps: [], tokens: 0 });

const hashOf = (value: unknown): string => createHash("sha256").update(JSON.stringify(value)).digest("hex");
