/** Many messages in one request: each is accepted or rejected by itself, and all of them share commits. */
import type { z } from "zod";
import type { ApiDeps } from "./api-deps.ts";
import type { FieldError, ProblemError } from "./problems.ts";
import { batchDefaults, type batchEnvelope, type batchResult, messageInput } from "./schemas/message.ts";
import { showAccepted } from "./show-accepted.ts";
import { submit } from "./submit.ts";
import type { TenantView } from "./tenant-views.ts";
import { check, invalidRequest } from "./validation.ts";

type Batch = z.output<typeof batchEnvelope>;
type BatchResult = z.output<typeof batchResult>;
type Judged =
  | { readonly kind: "accepted"; readonly answer: BatchResult["accepted"][number] }
  | { readonly kind: "rejected"; readonly problem: ProblemError };

/** Messages of one batch that are composed and wait for their commit at the same time. */
const concurrency = 256;
/** Messages that are composed in one go, before other requests have their turn on the event loop. */
const slice = 16;

/**
 * Rejects with a ProblemError where the defaults are wrong, or where nothing at all could be accepted because of
 * trouble here: then the whole batch may be sent again.
 */
export async function submitBatch(
  deps: ApiDeps,
  tenant: TenantView,
  { defaults, messages }: Batch,
): Promise<BatchResult> {
  const checked = check(batchDefaults, defaults);
  if (!checked.ok) {
    throw invalidRequest(checked.errors.map((error) => ({ ...error, path: `/defaults${error.path}` })));
  }
  const judged: Judged[] = new Array(messages.length);
  let next = 0;
  let turn: Promise<unknown> = Promise.resolve();
  const work = async () => {
    for (let index = next++; index < messages.length; index = next++) {
      if (index % slice === slice - 1) turn = new Promise(setImmediate);
      await turn;
      judged[index] = await judge(deps, tenant, defaults, messages[index], index);
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, messages.length) }, work));

  const result: BatchResult = { accepted: [], rejected: [] };
  for (const [index, one] of judged.entries()) {
    if (one.kind === "accepted") result.accepted.push(one.answer);
    else result.rejected.push(showRejected(one.problem, index, messages[index]));
  }
  const first = judged[0];
  if (first?.kind === "rejected" && judged.every(isOurTrouble)) throw first.problem;
  return result;
}

async function judge(
  deps: ApiDeps,
  tenant: TenantView,
  defaults: Batch["defaults"],
  message: unknown,
  index: number,
): Promise<Judged> {
  try {
    const isObject = typeof message === "object" && message !== null && !Array.isArray(message);
    const input = check(messageInput, isObject ? { ...defaults, ...message } : message);
    if (!input.ok) throw invalidRequest(input.errors);
    const acceptance = await submit(deps, tenant, input.value);
    return { kind: "accepted", answer: { index, ...(await showAccepted(deps.store.messages, tenant.id, acceptance)) } };
  } catch (error) {
    const problem = await deps.problemOf(error);
    if (problem.code === "internal_error") deps.telemetry.log.error({ err: error }, "a message of a batch failed");
    return { kind: "rejected", problem };
  }
}

const isOurTrouble = (one: Judged): boolean => one.kind === "rejected" && one.problem.details.status >= 500;

function showRejected({ details }: ProblemError, index: number, message: unknown): BatchResult["rejected"][number] {
  const given = (message as { id?: unknown } | null)?.id;
  const errors = details.errors as FieldError[] | undefined;
  return {
    index,
    id: typeof given === "string" ? given.slice(0, 128) : null,
    code: details.code,
    detail: details.detail,
    ...(errors && { errors }),
  };
}
