import type { Question, Store } from "@mailfleet/store";
import type { Telemetry } from "@mailfleet/telemetry";
import type { ConsiderDeps } from "./consider.ts";
import { type Trial, tryMessage } from "./trial.ts";

export interface TrialDeps extends Omit<ConsiderDeps, "modelUsed"> {
  readonly store: ConsiderDeps["store"] & Pick<Store, "mailboxes" | "questions">;
  readonly telemetry: Pick<Telemetry, "modelUsed" | "log">;
}

export const trialLimits = {
  /** In one process: people wait for them, and mail comes first. */
  atOnce: 4,
  /** Whoever asked does not wait for much longer. */
  trialMs: 20_000,
} as const;

/** Answers what people have asked with `try`, beside the mail. */
export interface Trials {
  /** Takes what is asked, as far as there is room; does not wait for its end. */
  take(workerId: number): Promise<void>;
  /** Resolves when nothing is in hand. */
  empty(): Promise<void>;
}

export function openTrials(deps: TrialDeps, stopping: AbortSignal, trialMs: number = trialLimits.trialMs): Trials {
  const underWay = new Set<Promise<void>>();
  return {
    async take(workerId) {
      const room = trialLimits.atOnce - underWay.size;
      if (room <= 0) return;
      for (const question of await deps.store.questions.take("try", workerId, room)) {
        const ended = answerTrial(deps, question, stopping, trialMs).finally(() => underWay.delete(ended));
        underWay.add(ended);
      }
    },
    async empty() {
      while (underWay.size > 0) await Promise.all([...underWay]);
    },
  };
}

async function answerTrial(deps: TrialDeps, question: Question, stopping: AbortSignal, trialMs: number): Promise<void> {
  const { store, telemetry } = deps;
  const modelUsed = (tokens: number) => telemetry.modelUsed({ tokens });
  const timeIsUp = AbortSignal.timeout(trialMs);
  const report = (error: unknown) =>
    telemetry.log.error({ event: "trial_failed", err: error }, "a trial failed; nobody is answered");
  try {
    const trial = await tryMessage({ ...deps, modelUsed }, question, AbortSignal.any([stopping, timeIsUp]));
    await store.questions.answer(question.id, trial);
  } catch (error) {
    if (!timeIsUp.aborted) report(error);
    const [reason, detail] = timeIsUp.aborted
      ? ["timeout", `A trial has ${trialMs / 1_000} s. For a message of its own, the answerer has its own timeout.`]
      : ["internal_error", "The log has the details."];
    const trial: Trial = { decision: "unknown", reason, detail, draft: null };
    await store.questions.answer(question.id, trial).catch(report);
  }
}
