import type { Store } from "@mailfleet/store";
import type { Telemetry } from "@mailfleet/telemetry";
import type { ConsiderDeps } from "./consider.ts";
import { type Trial, tryMessage } from "./trial.ts";

/** Trials that one process takes on at once: people wait for them, and mail comes first. */
const atOnce = 2;

/** Answers what people have asked with `try`. */
export async function answerTrials(
  deps: Omit<ConsiderDeps, "modelUsed"> & {
    readonly store: Pick<Store, "mailboxes" | "questions">;
    readonly telemetry: Pick<Telemetry, "modelUsed" | "log">;
  },
  workerId: number,
  signal: AbortSignal,
): Promise<void> {
  const { store, telemetry } = deps;
  const considering = { ...deps, modelUsed: (tokens: number) => telemetry.modelUsed({ tokens }) };
  const questions = await store.questions.take("try", workerId, atOnce);
  await Promise.all(
    questions.map(async (question) => {
      const answer: Trial = await tryMessage(considering, question, signal).catch((error: unknown) => {
        telemetry.log.error({ event: "trial_failed", err: error }, "a trial failed");
        return { decision: "fail", reason: "internal_error", detail: null, draft: null };
      });
      await store.questions.answer(question.id, answer);
    }),
  );
}
