const unitMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
type Unit = keyof typeof unitMs;

/** A length of time as people write it: a whole number and a unit, such as "250ms", "5s", "10m", "1h" or "2d". */
export type Duration = `${number}${Unit}`;

const pattern = /^(\d{1,12})(ms|s|m|h|d)$/;

/** The duration in milliseconds, or undefined where the text is none. */
export function parseDuration(text: string): number | undefined {
  const [, amount, unit] = pattern.exec(text) ?? [];
  if (amount === undefined || unit === undefined) return undefined;
  const ms = Number(amount) * unitMs[unit as Unit];
  return Number.isSafeInteger(ms) ? ms : undefined;
}

/** The shortest text that `parseDuration` reads back as `ms`: the largest unit that leaves no rest. */
export function formatDuration(ms: number): Duration {
  for (const unit of ["d", "h", "m", "s"] as const) {
    if (ms > 0 && ms % unitMs[unit] === 0) return `${ms / unitMs[unit]}${unit}`;
  }
  return `${ms}ms`;
}

/** A duration that the program itself wrote down; one that does not parse is a mistake in the program. */
export function durationMs(text: Duration): number {
  const ms = parseDuration(text);
  if (ms === undefined) throw new TypeError(`"${text}" is not a duration`);
  return ms;
}
