import { answerSettings } from "@mailfleet/answer-worker";
import { boardSettings } from "@mailfleet/board";
import { ConfigError, describeSettings, fleetSettings, type Reader, type Setting } from "@mailfleet/config";
import { watchSettings } from "@mailfleet/imap-watch";
import { intakeSettings } from "@mailfleet/intake";
import { dispatchSettings } from "@mailfleet/outbox-dispatch";
import { readPlan } from "../../apps/cli/src/up/plan.ts";
import { table } from "./pages.ts";

/** A machine's name is nobody's default but its own. */
const ofTheMachine: Readonly<Record<string, string>> = { MAILFLEET_SMTP_NAME: "the host's name" };

const described: Readonly<Record<string, readonly Setting[]>> = {
  fleet: describe(fleetSettings),
  intake: describe(intakeSettings),
  "outbox-dispatch": describe(dispatchSettings),
  "imap-watch": describe(watchSettings),
  "answer-worker": describe(answerSettings),
  board: describe(boardSettings),
  up: [demoPort()],
};

/** The tables of the configuration page by the names of its sections, as the code has them. */
export const settingsTables: ReadonlyMap<string, string> = new Map(
  Object.entries(described).map(([name, settings]) => [
    name,
    table(["setting", "meaning", "value", "default"], settings.map(rowOf)),
  ]),
);

/** Every setting by its full name. */
export const settingNames: ReadonlySet<string> = new Set(
  Object.values(described).flatMap((settings) => settings.map(({ name }) => name)),
);

function describe(declare: (reader: Reader) => unknown): readonly Setting[] {
  return describeSettings(declare);
}

/** `up` declares this one among all the others, so its limits are what a wrong value is told. */
function demoPort(): Setting {
  const name = "MAILFLEET_DEMO_PORT";
  const meaning = "Port of the demo inbox page; 0 picks a free one.";
  try {
    readPlan({ [name]: "x" });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const [, limits] = /MAILFLEET_DEMO_PORT must be (.*), not "x"/.exec(error.message) ?? [];
    if (limits) return { name, meaning, limits, otherwise: String(readPlan({}).demoPort), required: false };
  }
  throw new Error(`${name} takes anything`);
}

function rowOf({ name, meaning, limits, otherwise, required }: Setting): readonly string[] {
  const own = ofTheMachine[name];
  const shown = own ?? (otherwise === undefined || otherwise === "" ? undefined : `\`${otherwise}\``);
  return [`\`${name}\``, meaning, limits, shown ?? (required ? "none: required" : "none")];
}
