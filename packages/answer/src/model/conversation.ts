/** What was said so far between us and a model, about one message. */
import { createHash } from "node:crypto";
import type { ModelMessage } from "ai";
import { estimateTokens } from "./budget.ts";
import type { ModelReply, ToolDescription } from "./model-call.ts";
import type { ModelPrompt } from "./prompt.ts";
import type { ToolResult } from "./tool-result.ts";

export interface Conversation {
  readonly instructions: string;
  readonly messages: readonly ModelMessage[];
  /** SHA-256 of all of it, hex: the same conversation, the same digest. */
  readonly digest: string;
  /** Takes one result for each call of the reply, in their order. */
  add(reply: ModelReply, results: readonly ToolResult[]): void;
  estimateTokens(tools: readonly ToolDescription[]): number;
}

export function openConversation({ instructions, text, pictures }: ModelPrompt): Conversation {
  const messages: ModelMessage[] = [
    {
      role: "user",
      content: [
        { type: "text", text },
        ...pictures.map(({ mediaType, content }) => ({ type: "file", mediaType, data: content }) as const),
      ],
    },
  ];
  let bytes = Buffer.byteLength(instructions) + Buffer.byteLength(text);
  let digest = pictures.reduce(
    (before, { content }) => sha256(before, content),
    sha256(JSON.stringify([instructions, text])),
  );
  return {
    instructions,
    messages,
    get digest() {
      return digest;
    },
    add(reply, results) {
      const said = [...reply.messages, toolMessage(reply, results)];
      messages.push(...said);
      const json = JSON.stringify(said);
      bytes += Buffer.byteLength(json);
      digest = sha256(digest, json);
    },
    estimateTokens: (tools) => estimateTokens(bytes + Buffer.byteLength(JSON.stringify(tools)), pictures.length),
  };
}

const toolMessage = ({ calls }: ModelReply, results: readonly ToolResult[]): ModelMessage => ({
  role: "tool",
  content: calls.map(({ id, name }, index) => {
    const { outcome, output } = results[index] ?? { outcome: "tool_unavailable", output: "" };
    return {
      type: "tool-result",
      toolCallId: id,
      toolName: name,
      output: outcome === "ok" ? { type: "text", value: output } : { type: "error-text", value: `Error: ${output}` },
    };
  }),
});

const sha256 = (...parts: readonly (string | Uint8Array)[]): string => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
};
