/** A duration in the API's spelling, read into milliseconds, or what is wrong with it. */
export type ParsedDuration =
  | { readonly ok: true; readonly ms: number }
  | { readonly ok: false; readonly code: "bad_duration" | "duration_too_long"; readonly detail: string };

/** Nothing in the fleet waits longer than ten years. */
const maxDurationMs = 3_650 * 86_400_000;
const maxTextLength = 64;

const units = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
  ["ms", 1],
] as const;

// Each unit at most once, the largest first: "1h30m" and "500ms", but neither "30m1h" nor "1.5h".
const pattern = /^(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m(?!s))?(?:(\d{1,9})s)?(?:(\d{1,9})ms)?$/;

/** Reads "5s", "10m", "1h30m", "2d" or "500ms". Whole numbers only; the largest unit comes first. */
export function parseDuration(text: string): ParsedDuration {
  const match = text.length > 0 && text.length <= maxTextLength ? pattern.exec(text) : null;
  if (!match) {
    return { ok: false, code: "bad_duration", detail: 'A duration looks like "5s", "10m", "1h30m", "2d" or "500ms".' };
  }
  const ms = units.reduce((sum, [, unitMs], i) => sum + Number(match[i + 1] ?? 0) * unitMs, 0);
  if (ms > maxDurationMs) {
    return { ok: false, code: "duration_too_long", detail: 'A duration is at most ten years, "3650d".' };
  }
  return { ok: true, ms };
}

/** The shortest spelling that `parseDuration` reads back to the same whole number of milliseconds. */
export function formatDuration(ms: number): string {
  if (!Number.isSafeInteger(ms) || ms < 0) throw new RangeError(`not a duration in milliseconds: ${ms}`);
  let rest = ms;
  let text = "";
  for (const [unit, unitMs] of units) {
    const count = Math.floor(rest / unitMs);
    rest -= count * unitMs;
    if (count > 0) text += `${count}${unit}`;
  }
  return text || "0s";
}
