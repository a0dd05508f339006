import { type AnswerFailure, answerLimits } from "./answerer.ts";
import { type EgressResponse, type EgressRules, guardedFetch } from "./egress.ts";
import { parseWebhookSecrets, signWebhook } from "./webhook-signature.ts";

/** One event for a tenant's service, in the envelope that Standard Webhooks proposes. */
export interface WebhookCall {
  readonly url: string;
  /** As `parseWebhookSecrets` reads it. */
  readonly secret: string | undefined;
  /** The same, whenever the same is told again. */
  readonly id: string;
  readonly type: "inbound.received" | "inbound.escalated";
  readonly data: object;
  readonly timeoutMs: number;
  readonly maxResponseBytes: number;
  readonly signal?: AbortSignal;
}

/** Signs and posts. Only a 2xx is a response; whatever else happened is a failed try. */
export async function callWebhook(rules: EgressRules, call: WebhookCall): Promise<EgressResponse | AnswerFailure> {
  const secrets = parseWebhookSecrets(call.secret ?? "");
  if (!secrets.ok) return failure("webhook_secret_wrong", true, secrets.detail);
  const now = new Date();
  const body = JSON.stringify({ type: call.type, timestamp: now.toISOString(), data: call.data });
  const result = await guardedFetch(rules, {
    url: call.url,
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/json",
      "user-agent": "Mailfleet",
      ...signWebhook(secrets.secrets, call.id, now, body),
    },
    body,
    timeoutMs: call.timeoutMs,
    maxResponseBytes: call.maxResponseBytes,
    ...(call.signal && { signal: call.signal }),
  });
  if (!result.ok) return failure(`webhook_${result.code}`, result.permanent, result.detail);
  return result.status >= 200 && result.status < 300 ? result : failureOf(result, now);
}

// Those that say something about this request, which would be the same next time; and 410, "disable the endpoint".
const permanentStatuses: ReadonlySet<number> = new Set([400, 410, 413, 415, 422]);

/**
 * All else is about the service, and may pass: 401, 403 and 404 are what a rotated secret or a deployment looks like,
 * and the caller's tries are bounded.
 */
function failureOf({ status, headers }: EgressResponse, now: Date): AnswerFailure {
  const permanent = permanentStatuses.has(status);
  const failed = failure("webhook_status", permanent, `The webhook answered ${status}.`);
  const retryAfterMs = permanent ? undefined : readRetryAfter(headers["retry-after"], now);
  return retryAfterMs === undefined ? failed : { ...failed, retryAfterMs };
}

/** Retry-After (RFC 9110, section 10.2.3), seconds or a date, brought within `answerLimits.laterMs`. */
export function readRetryAfter(value: string | undefined, now: Date): number | undefined {
  if (!value) return undefined;
  const ms = /^\d{1,10}$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - now.getTime();
  if (Number.isNaN(ms)) return undefined;
  return Math.min(Math.max(ms, answerLimits.laterMs.min), answerLimits.laterMs.max);
}

const failure = (code: string, permanent: boolean, detail: string): AnswerFailure => ({
  kind: "failed",
  permanent,
  code,
  detail: detail.slice(0, answerLimits.detailLength),
});
