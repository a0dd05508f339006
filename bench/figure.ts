/** One line of the table: what is aimed for, what was measured, and whether it was met. */

export interface Figure {
  readonly row: number;
  readonly name: string;
  readonly aim: { readonly atLeast: number } | { readonly atMost: number };
  readonly unit?: string;
  /** Absent where it was not measured; `detail` says why. */
  readonly measured?: number;
  /** What was compared with what, for people. */
  readonly detail: string;
}

export function isMet({ aim, measured }: Figure): boolean | undefined {
  if (measured === undefined) return undefined;
  return "atLeast" in aim ? measured >= aim.atLeast : measured <= aim.atMost;
}

const nameWidth = 68;

/** The table for people: aim, measured, met, and under each line what it was made of. */
export function tableOf(figures: readonly Figure[]): string {
  const lines = figures.flatMap((figure) => {
    const { row, name, aim, unit = "", measured, detail } = figure;
    const aimText = "atLeast" in aim ? `≥ ${aim.atLeast}${unit}` : `≤ ${aim.atMost}${unit}`;
    const met = isMet(figure);
    const verdict = met === undefined ? "not measured" : met ? "met" : "NOT MET";
    const value = measured === undefined ? "–" : `${rounded(measured)}${unit}`;
    return [
      `${String(row).padStart(2)}  ${name.padEnd(nameWidth)} ${aimText.padStart(9)} ${value.padStart(10)}  ${verdict}`,
      `    ${detail}`,
    ];
  });
  const head = `    ${"figure".padEnd(nameWidth)} ${"aim".padStart(9)} ${"measured".padStart(10)}`;
  return [head, ...lines].join("\n");
}

const rounded = (value: number): string =>
  Math.abs(value) >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)));

/** How much of the machine belonged to somebody else: a table from a busy one says little. */
export function noiseText(windows: readonly Noise[]): string {
  const others = windows.map(({ coresUsedByOthers }) => coresUsedByOthers);
  const syncs = windows.flatMap(({ walSyncMs }) => (walSyncMs === undefined ? [] : [walSyncMs]));
  const sync =
    syncs.length === 0 ? "" : `, one sync of PostgreSQL's log took ${rounded(median(syncs))} ms (${range(syncs)})`;
  return `other processes kept ${rounded(median(others))} cores busy (${range(others)})${sync}`;
}

interface Noise {
  readonly coresUsedByOthers: number;
  readonly walSyncMs?: number;
}

const range = (values: readonly number[]) => `${rounded(Math.min(...values))} to ${rounded(Math.max(...values))}`;

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return Number.isInteger(middle)
    ? ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2
    : (sorted[Math.floor(middle)] ?? Number.NaN);
}

/** The value that a share `q` of all stay below. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
}

/** "dispatch 81, postgres 123 µs CPU per message". */
export const cpuText = (micros: Readonly<Record<string, number>>): string =>
  `${Object.entries(micros)
    .map(([name, value]) => `${name} ${value}`)
    .join(", ")} µs CPU per message`;
