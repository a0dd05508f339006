import type { Journal } from "./answerer.ts";
import { toolFailed } from "./model/tool-result.ts";

/**
 * The journal of a message that has not arrived: remembers nothing, and runs no tool, since a tool may do something. The
 * model is told so, and the transcript shows what it wanted.
 */
export function trialJournal(id: string): Journal {
  let step = 0;
  return {
    async step(facts, act) {
      if (facts.kind !== "tool") return act(`try-${id}-${step++}`);
      const refused = "This is a trial, in which no tool is run. Go on as well as you can without its result.";
      return toolFailed("tool_not_run", refused, performance.now()) as Awaited<ReturnType<typeof act>>;
    },
  };
}
