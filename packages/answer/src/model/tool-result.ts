import type { AnswerRequest } from "../answerer.ts";
import { cutText, plainText } from "./plain-characters.ts";

/** What became of a tool's call. Survives JSON. */
export interface ToolResult {
  /** `ok`, or why there is no result, such as `tool_timeout`. */
  readonly outcome: string;
  /** For the model: the tool's words, or what it may know of why there are none. */
  readonly output: string;
  readonly ms: number;
}

/** What a tool is told by us. No model can change any of it. */
export interface TrustedFields {
  readonly correspondent: string;
  readonly tenant: string;
  readonly mailbox: string;
  readonly inbound: string;
  readonly authenticated: boolean;
  readonly idempotencyKey: string;
}

/** Of what a model is shown of one result, in UTF-16 units. */
export const toolOutputLength = 16_000;

export const trustedFields = (request: AnswerRequest, idempotencyKey: string): TrustedFields => ({
  correspondent: request.correspondent.address,
  tenant: request.tenantId,
  mailbox: request.mailboxId,
  inbound: request.inboundId,
  authenticated: request.authenticated,
  idempotencyKey,
});

export const toolSaid = (bytes: Uint8Array, start: number): ToolResult => ({
  outcome: "ok",
  output: plainText(cutText(Buffer.from(bytes).toString(), toolOutputLength)).text,
  ms: Math.round(performance.now() - start),
});

export const toolFailed = (outcome: string, output: string, start: number): ToolResult => ({
  outcome,
  output,
  ms: Math.round(performance.now() - start),
});
