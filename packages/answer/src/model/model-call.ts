/** One call of a model: the AI SDK over the guarded way out, and what came of it as a value. */
import type { MailboxSecrets, ModelSettings } from "@mailfleet/mail";
import type { ModelMessage, ToolSet } from "ai";
import type { AnswerFailure } from "../answerer.ts";
import { type EgressProblem, type EgressRules, guardedFetch } from "../egress.ts";
import { readRetryAfter } from "../webhook-call.ts";
import { estimateTokens } from "./budget.ts";
import { inDialect } from "./dialect.ts";
import { failureOfEgress, failureOfStatus, modelFailure } from "./model-failure.ts";
import { cutText } from "./plain-characters.ts";

export interface ModelEndpoint {
  readonly settings: ModelSettings;
  readonly secrets: Pick<MailboxSecrets, "modelKey">;
  readonly rules: EgressRules;
}

export interface ModelQuestion {
  readonly instructions: string;
  readonly messages: readonly ModelMessage[];
  readonly tools: readonly ToolDescription[];
  readonly maxOutputTokens: number;
  /** Counted where the model does not say what it read. */
  readonly estimatedInputTokens: number;
}

export interface ToolDescription {
  readonly name: string;
  readonly description: string;
  readonly parameters: object;
}

/** Survives JSON, and reads the same afterwards. */
export interface ModelReply {
  readonly kind: "reply";
  readonly text: string;
  readonly calls: readonly ToolCall[];
  /** To be shown to the model again, before the results of its calls. */
  readonly messages: readonly ModelMessage[];
  readonly finish: string;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly ms: number;
}

export interface ToolCall {
  readonly id: string;
  readonly name: string;
  /** Whatever the model wrote; checked by nobody yet. */
  readonly arguments: unknown;
}

export interface ModelTrouble {
  readonly kind: "trouble";
  readonly failure: AnswerFailure;
  /** The model refused before it worked, so that nothing was used up. */
  readonly free: boolean;
}

export const modelCallLimits = { responseBytes: 4 * 1_024 * 1_024, textLength: 200_000 } as const;

/** Rejects only where `signal` aborts. */
export async function callModel(
  endpoint: ModelEndpoint,
  question: ModelQuestion,
  signal: AbortSignal,
): Promise<ModelReply | ModelTrouble> {
  const { settings, secrets } = endpoint;
  const { createOpenAICompatible, APICallError, generateText, jsonSchema, tool } = await loadSdk();
  /** Without `execute`: each call is a step of ours. The SDK checks no arguments; the toolbox does. */
  const tools: ToolSet = Object.fromEntries(
    question.tools.map(({ name, description, parameters }) => [
      name,
      tool({ description, inputSchema: jsonSchema(parameters) }),
    ]),
  );
  const outside: { problem?: EgressProblem } = {};
  const provider = createOpenAICompatible({
    name: "model",
    baseURL: settings.url,
    ...(secrets.modelKey !== undefined && { apiKey: secrets.modelKey }),
    transformRequestBody: (body) => inDialect(settings.url, body),
    fetch: guarded(endpoint, signal, (problem) => {
      outside.problem = problem;
    }),
  });
  const start = performance.now();
  try {
    const result = await generateText({
      model: provider(settings.model),
      instructions: question.instructions,
      messages: [...question.messages],
      tools,
      maxOutputTokens: question.maxOutputTokens,
      ...(settings.temperature !== undefined && { temperature: settings.temperature }),
      maxRetries: 0,
      abortSignal: signal,
    });
    const written =
      JSON.stringify(result.toolCalls.map(({ input }) => input)) + result.text + (result.reasoningText ?? "");
    return survivingJson({
      kind: "reply",
      text: cutText(withoutThoughts(result.text), modelCallLimits.textLength),
      calls: result.toolCalls.map(({ toolCallId, toolName, input }) => ({
        id: toolCallId,
        name: toolName,
        arguments: input,
      })),
      messages: result.responseMessages.filter(({ role }) => role === "assistant"),
      finish: result.finishReason,
      inputTokens: countOf(result.usage.inputTokens, question.estimatedInputTokens),
      outputTokens: countOf(result.usage.outputTokens, estimateTokens(Buffer.byteLength(written))),
      ms: Math.round(performance.now() - start),
    });
  } catch (error) {
    signal.throwIfAborted();
    if (outside.problem) {
      const { code, permanent } = outside.problem;
      return { kind: "trouble", failure: failureOfEgress(outside.problem), free: permanent || code === "unreachable" };
    }
    if (APICallError.isInstance(error) && error.statusCode !== undefined && !isSuccess(error.statusCode)) {
      const { statusCode, responseHeaders, data } = error;
      const retryAfterMs = readRetryAfter(responseHeaders?.["retry-after"], new Date());
      return { kind: "trouble", failure: failureOfStatus(statusCode, retryAfterMs, data), free: true };
    }
    const failure = modelFailure(
      "model_bad_response",
      false,
      "The model's endpoint did not answer in OpenAI's protocol.",
    );
    return { kind: "trouble", failure, free: false };
  }
}

const isSuccess = (status: number): boolean => status >= 200 && status < 300;

/** The SDK's only way out. */
function guarded(
  { settings, rules }: ModelEndpoint,
  signal: AbortSignal,
  onProblem: (problem: EgressProblem) => void,
): typeof fetch {
  return async (input, init) => {
    const result = await guardedFetch(rules, {
      url: String(input),
      method: "POST",
      headers: Object.fromEntries(new Headers(init?.headers)),
      body: String(init?.body),
      timeoutMs: settings.timeoutMs,
      maxResponseBytes: modelCallLimits.responseBytes,
      signal,
    });
    if (!result.ok) {
      onProblem(result);
      throw new Error(result.detail);
    }
    // A Response knows 200 to 599, and no body with some of them.
    const status = result.status >= 200 && result.status <= 599 ? result.status : 502;
    const body = [204, 205, 304].includes(status) ? null : Buffer.from(result.body);
    return new Response(body, { status, headers: result.headers });
  };
}

/** Some megabytes of code that a process without a model never needs; loaded once. */
const loadSdk = async () => ({ ...(await import("@ai-sdk/openai-compatible")), ...(await import("ai")) });

/** Some models think aloud before they answer. */
const withoutThoughts = (text: string): string =>
  text.replace(/^\s*<think(?:ing)?>[\s\S]*?(?:<\/think(?:ing)?>|$)/, "").trim();

const countOf = (said: number | undefined, estimated: number): number =>
  said !== undefined && Number.isSafeInteger(said) && said >= 0 ? said : estimated;

/** JSON that PostgreSQL keeps as well: without NULs and lone surrogates, in names as in values. */
const survivingJson = (reply: unknown): ModelReply =>
  JSON.parse(
    JSON.stringify(reply).replace(/\\(u0000|ud[89a-f][0-9a-f]{2}|.)/g, (escaped, code: string) =>
      code.length > 1 ? "\\ufffd" : escaped,
    ),
  );
