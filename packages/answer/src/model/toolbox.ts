/** The tools of one mailbox's model: found by name, called with checked arguments, each result a value. */
import type { HttpToolSettings, MailboxSecrets, ModelSettings } from "@mailfleet/mail";
import type { AnswerRequest } from "../answerer.ts";
import { runCommand } from "./command-tool.ts";
import { callHttpTool } from "./http-tool.ts";
import type { ToolCall, ToolDescription } from "./model-call.ts";
import type { CommandTool, OperatorConfig } from "./operator-config.ts";
import { checkArguments, type ToolParameters } from "./parameters.ts";
import { type ToolResult, toolFailed, trustedFields } from "./tool-result.ts";

export interface Toolbox {
  /** Those that end the matter: always there, never run. */
  readonly endings: readonly ToolDescription[];
  readonly tools: readonly ToolDescription[];
  /** Rejects only where `signal` aborts. */
  run(call: ToolCall, request: AnswerRequest, idempotencyKey: string, signal: AbortSignal): Promise<ToolResult>;
}

const endings: readonly ToolDescription[] = [
  ending(
    "decline",
    "Ends without an answer, where none is called for.",
    "reason",
    "Why, in a few words, for colleagues.",
  ),
  ending("escalate", "Ends without an answer and asks a person to look.", "note", "What the person should know."),
];

function ending(name: string, description: string, parameter: string, meaning: string): ToolDescription {
  const properties = { [parameter]: { type: "string", description: meaning } };
  return {
    name,
    description,
    parameters: { type: "object", properties, required: [parameter], additionalProperties: false },
  };
}

/** Takes settings that `checkModelSettings` finds nothing wrong with. */
export function openToolbox(
  settings: ModelSettings,
  operator: OperatorConfig,
  { toolToken }: Pick<MailboxSecrets, "toolToken"> = {},
): Toolbox {
  const commands = new Map(
    operator.tools.filter(({ name }) => settings.tools.includes(name)).map((tool) => [tool.name, tool]),
  );
  const https = new Map(settings.httpTools.map((tool) => [tool.name, tool]));
  const offered: readonly (CommandTool | HttpToolSettings)[] = [...commands.values(), ...https.values()];
  return {
    endings,
    tools: offered.map(({ name, description, parameters }) => ({
      name,
      description,
      parameters: { ...parameters, additionalProperties: false },
    })),
    async run(call, request, idempotencyKey, signal) {
      const start = performance.now();
      const command = commands.get(call.name);
      const http = https.get(call.name);
      const tool = command ?? http;
      if (!tool) return toolFailed("tool_unknown", "There is no such tool.", start);
      const problems = checkArguments(tool.parameters as unknown as ToolParameters, call.arguments);
      if (problems.length > 0) {
        const detail = problems.slice(0, 5).map((problem) => `${problem.field || "arguments"}: ${problem.detail}`);
        return toolFailed("tool_arguments_wrong", detail.join("; "), start);
      }
      const values = call.arguments as Readonly<Record<string, unknown>>;
      const trusted = trustedFields(request, idempotencyKey);
      return command
        ? runCommand(command, values, trusted, signal)
        : callHttpTool(http as HttpToolSettings, { operator, toolToken }, values, trusted, signal);
    },
  };
}
