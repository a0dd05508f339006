import { accessSync, constants } from "node:fs";
import { type OperatorConfig, operatorSettings } from "@mailfleet/answer";
import { type Environment, type Reader, readWorkerConfig } from "@mailfleet/config";

export type Config = ReturnType<typeof readConfig>;

/** Everything that a process of answer-worker's own can be told. A bad environment is reported whole, at start. */
export const readConfig = (env: Environment) =>
  readWorkerConfig(env, (settings) => ({
    ...answerSettings(settings),
    leaseMs: settings.duration(
      "WORKER_LEASE",
      "How long a silent process keeps what it had in hand, before others take over.",
      { min: "1s", max: "5m", otherwise: "10s" },
    ),
  }));

/** The settings of answer-worker. Intake is told the operator's, too: `operator` is what it has read in one process with this. */
export function answerSettings(settings: Reader, operator?: OperatorConfig) {
  const { integer, duration } = settings;
  return {
    slots: integer("ANSWER_SLOTS", "Messages that one process answers at once.", { min: 1, max: 512, otherwise: 16 }),
    perTenant: integer("ANSWER_PER_TENANT", "Messages of one tenant that the whole fleet answers at once.", {
      min: 1,
      max: 10_000,
      otherwise: 8,
    }),
    slowMs: duration("ANSWER_SLOW", "A message that takes longer is worked on without a slot, and keeps nobody out.", {
      min: "100ms",
      max: "10m",
      otherwise: "3s",
    }),
    sweepMs: duration("ANSWER_SWEEP", "How often the sweep looks for messages that have no errand.", {
      min: "100ms",
      max: "1m",
      otherwise: "1s",
    }),
    lookAfterMs: duration(
      "ANSWER_LOOK_AFTER",
      "A message that has waited for longer is looked at in its mailbox first: a person may have been faster.",
      { min: "1s", max: "1d", otherwise: "1m" },
    ),
    operator: withPrograms(settings, operator ?? operatorSettings(settings)),
  };
}

/** A tool whose program is not where it is said to be would fail in the middle of a message. */
function withPrograms(settings: Reader, operator: OperatorConfig): OperatorConfig {
  for (const { name, program } of operator.tools) {
    if (!isExecutable(program)) settings.refuse("ANSWER_TOOLS", `${name}: ${program} is no program that may be run`);
  }
  return operator;
}

function isExecutable(program: string): boolean {
  try {
    accessSync(program, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
