import type { MailboxSecrets, WebhookSettings } from "@mailfleet/mail";
import type { AnswerContext, AnswerDecision, Answerer, AnswerRequest } from "./answerer.ts";
import type { EgressRules } from "./egress.ts";
import { callWebhook } from "./webhook-call.ts";
import { webhookLimits, webhookQuestion } from "./webhook-question.ts";
import { readWebhookReply } from "./webhook-reply.ts";

/**
 * Asks a tenant's service. The `webhook-id` is the message's id in every try, so that a service can tell a question that
 * is asked again; it should then give the same answer, since its first may have been lost on the way.
 */
export function openWebhookAnswerer(
  settings: WebhookSettings,
  { webhookSecret }: Pick<MailboxSecrets, "webhookSecret">,
  rules: EgressRules,
): Answerer {
  const ask = async (request: AnswerRequest, { signal }: AnswerContext): Promise<AnswerDecision> => {
    const response = await callWebhook(rules, {
      url: settings.url,
      secret: webhookSecret,
      id: request.inboundId,
      type: "inbound.received",
      data: webhookQuestion(request),
      timeoutMs: settings.timeoutMs,
      maxResponseBytes: webhookLimits.responseBytes,
      signal,
    });
    if ("kind" in response) return response;
    if (response.status === 204) return { kind: "decline", reason: "The webhook answered 204." };
    return readWebhookReply(response.body);
  };

  return {
    async answer(request, context) {
      const facts = {
        kind: "webhook",
        name: "webhook",
        request: { url: settings.url, inbound: request.inboundId },
      } as const;
      try {
        return await context.journal.step(facts, async () => {
          const decision = await ask(request, context);
          if (isLast(decision)) return decision;
          throw new NotYet(decision);
        });
      } catch (error) {
        if (error instanceof NotYet) return error.decision;
        throw error;
      }
    },
  };
}

/** What is remembered is never asked again, so only what ends the matter is. */
const isLast = ({ kind }: AnswerDecision): boolean => kind !== "failed" && kind !== "later";

/** Keeps a decision out of the journal, which remembers every step that returns. */
class NotYet extends Error {
  readonly decision: AnswerDecision;
  constructor(decision: AnswerDecision) {
    super(`not yet: ${decision.kind}`);
    this.decision = decision;
  }
}
