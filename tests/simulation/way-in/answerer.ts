import type { AnswerDecision, openAnswerer } from "@mailfleet/answer";
import type { Process } from "./process.ts";
import type { World } from "./world.ts";

/** Kept out of the journal, as a webhook's are: what does not end the matter is asked again. */
class NotYet extends Error {
  readonly decision: AnswerDecision;
  constructor(decision: AnswerDecision) {
    super(decision.kind);
    this.decision = decision;
  }
}

/** A tenant's service: it answers at once or slowly, fails, declines, wants to be asked later, or wants a person. */
export function simulatedAnswerer(world: World, process: Process): typeof openAnswerer {
  const { random, plan, timeline } = world;
  const isDue = (probability: number) => world.isTroubled && random.chance(probability);

  const decide = (): AnswerDecision => {
    if (!isDue(plan.trouble.answererFault)) return { kind: "answer", text: "At nine." };
    return random.pick<() => AnswerDecision>([
      () => ({ kind: "failed", permanent: false, code: "webhook_timeout", detail: "no answer" }),
      () => ({ kind: "failed", permanent: false, code: "webhook_status", detail: "503", retryAfterMs: 5_000 }),
      () => ({ kind: "failed", permanent: true, code: "webhook_status", detail: "400" }),
      () => ({ kind: "later", afterMs: random.between(1_000, 8_000) }),
      () => ({ kind: "decline", reason: "not ours" }),
      () => ({ kind: "escalate", note: "a person, please" }),
      () => {
        throw new Error("the answerer has a bug");
      },
    ])();
  };

  return () => ({
    async answer({ inboundId }, { signal, journal }) {
      signal.throwIfAborted();
      try {
        return await journal.step({ kind: "webhook", name: "webhook", request: { inboundId } }, async () => {
          const ms = isDue(plan.trouble.slowAnswerer) ? random.between(3_000, 25_000) : random.between(5, 200);
          await Promise.race([process.wait(ms), aborted(signal)]);
          signal.throwIfAborted();
          const decision = decide();
          timeline.note(`${process.actor.name} is told for ${world.nameUids(inboundId)}: ${decision.kind}`);
          if (decision.kind === "failed" || decision.kind === "later") throw new NotYet(decision);
          return decision;
        });
      } catch (error) {
        if (error instanceof NotYet) return error.decision;
        throw error;
      }
    },
  });
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
