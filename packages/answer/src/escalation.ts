import { type AnswerFailure, type AnswerRequest, answerLimits } from "./answerer.ts";
import type { EgressRules } from "./egress.ts";
import { callWebhook } from "./webhook-call.ts";
import { webhookQuestion } from "./webhook-question.ts";

export type Escalated = { readonly kind: "escalated" } | AnswerFailure;

const limits = { timeoutMs: 15_000, responseBytes: 64 * 1_024 } as const;

/**
 * Tells a tenant's service that a person is needed: as the webhook is told of a message, with a `note`. Any 2xx takes it;
 * the id is the same each time, so that one who is told twice can tell.
 */
export async function callEscalation(
  rules: EgressRules,
  escalation: {
    readonly url: string;
    readonly secret: string | undefined;
    readonly request: AnswerRequest;
    readonly note: string;
    readonly signal?: AbortSignal;
  },
): Promise<Escalated> {
  const { url, secret, request, note, signal } = escalation;
  const response = await callWebhook(rules, {
    url,
    secret,
    id: `${request.inboundId}-escalated`,
    type: "inbound.escalated",
    data: { ...webhookQuestion(request), note: note.slice(0, answerLimits.noteLength).toWellFormed() },
    timeoutMs: limits.timeoutMs,
    maxResponseBytes: limits.responseBytes,
    ...(signal && { signal }),
  });
  return "kind" in response ? response : { kind: "escalated" };
}
