/** Which rows run, and for how long. */
import { parseArgs } from "node:util";

export interface Plan {
  readonly rows: ReadonlySet<number>;
  /** Seconds of each measurement. */
  readonly seconds: number;
  /** The long form: a million waiting, twenty minutes of churn, a snapshot held for five. */
  readonly full: boolean;
  readonly profileDir?: string;
  readonly out?: string;
}

export const usage = `npm run bench -- [options]

  --only 1,3       rows of the table to measure; all of them where left out
  --seconds N      length of each measurement (5)
  --full           a million waiting, 20 minutes of churn, a snapshot held for 5 minutes
  --profile DIR    writes CPU profiles of the fleet's processes
  --out FILE       where the result goes as JSON (bench-results/DATE.local.json)`;

export class UsageError extends Error {}

const measurable = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];

export function planOf(args: readonly string[]): Plan | "help" {
  const { values } = parse(args);
  if (values.help) return "help";
  const rows = values.only?.split(",").map(Number) ?? measurable;
  const unknown = rows.filter((row) => !measurable.includes(row));
  if (unknown.length > 0) throw new UsageError(`--only takes rows of ${measurable.join(", ")}`);
  const seconds = Number(values.seconds ?? 5);
  if (!(seconds >= 1 && seconds <= 600)) throw new UsageError("--seconds takes a number from 1 to 600");
  return {
    rows: new Set(rows),
    seconds,
    full: values.full ?? false,
    ...(values.profile !== undefined && { profileDir: values.profile }),
    ...(values.out !== undefined && { out: values.out }),
  };
}

function parse(args: readonly string[]) {
  try {
    const text = { type: "string" } as const;
    const flag = { type: "boolean" } as const;
    return parseArgs({
      args: [...args],
      options: { only: text, seconds: text, full: flag, profile: text, out: text, help: flag },
    });
  } catch (cause) {
    throw new UsageError((cause as Error).message, { cause });
  }
}
