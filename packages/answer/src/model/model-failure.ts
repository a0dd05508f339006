/** How a call of a model fails. Only codes decide; what a server says in words is not even repeated. */
import { type AnswerFailure, answerLimits } from "../answerer.ts";
import type { EgressProblem } from "../egress.ts";

export const modelFailure = (code: string, permanent: boolean, detail: string): AnswerFailure => ({
  kind: "failed",
  permanent,
  code,
  detail: detail.slice(0, answerLimits.detailLength),
});

/** 408, 409, 425 and 429 say "later", and 5xx says nothing about this request; all other refusals would be repeated. */
export function failureOfStatus(status: number, retryAfterMs: number | undefined, data: unknown): AnswerFailure {
  const { code, permanent } = judge(status);
  const said = saidCode(data);
  const failed = modelFailure(code, permanent, `The model's endpoint answered ${status}${said ? ` (${said})` : ""}.`);
  return permanent || retryAfterMs === undefined ? failed : { ...failed, retryAfterMs };
}

function judge(status: number): { code: string; permanent: boolean } {
  if (status === 429) return { code: "model_busy", permanent: false };
  if (status >= 500 || status === 408 || status === 409 || status === 425) {
    return { code: "model_unavailable", permanent: false };
  }
  if (status === 401 || status === 403) return { code: "model_unauthorized", permanent: true };
  if (status === 404) return { code: "model_not_found", permanent: true };
  return { code: "model_rejected", permanent: true };
}

/** OpenAI's `error.code` or `error.type`, where it is one; its message may hold a part of the key. */
function saidCode(data: unknown): string | undefined {
  const error = (data as { error?: { code?: unknown; type?: unknown } } | undefined)?.error;
  return [error?.code, error?.type].find(
    (code): code is string => typeof code === "string" && /^[a-z]{1,20}(_[a-z]{1,20}){0,5}$/.test(code),
  );
}

export const failureOfEgress = ({ code, permanent, detail }: EgressProblem): AnswerFailure =>
  modelFailure(`model_${code}`, permanent, detail);
