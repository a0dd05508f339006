import type { TroubleKind } from "./trouble.ts";

/** How far a folder is known: every message up to the watermark is recorded, or was not to be. */
export interface KnownPosition {
  readonly uidValidity: number | null;
  readonly watermark: number | null;
  /** A person's word about the messages that a renumbering left unknown; null once it is carried out. */
  readonly resume: "answer" | "skip" | null;
}

/** What to do first with a folder that was just opened. */
export type Plan =
  /** Nobody has looked yet: what arrived since the beginning is new. */
  | { readonly kind: "first" }
  /** The gap check: whatever lies above the watermark is new. */
  | { readonly kind: "go_on"; readonly watermark: number }
  /** The UIDs name other messages than they did: only fingerprints tell which are known. */
  | { readonly kind: "renumbered" };

/**
 * A UIDVALIDITY that changed (RFC 9051 section 2.3.1.1), or a UIDNEXT that fell to the watermark or below: a folder that
 * was restored from an older copy hands out UIDs again that we have seen.
 */
export function planOf(
  { uidValidity, watermark, resume }: KnownPosition,
  folder: { readonly uidValidity: number; readonly uidNext?: number },
): Plan {
  if (uidValidity === null) return { kind: "first" };
  // Some of what was unknown may have been recorded under the new numbers already; the word is for the rest as well.
  if (uidValidity !== folder.uidValidity || resume !== null) return { kind: "renumbered" };
  if (watermark === null) return { kind: "first" };
  if (folder.uidNext !== undefined && folder.uidNext <= watermark) return { kind: "renumbered" };
  return { kind: "go_on", watermark };
}

/** Whether so many unknown messages after a renumbering need a person's word: they may all have been answered long ago. */
export const needsWord = (unknown: number): boolean => unknown > unknownWithoutWord;

/** As many as a mailbox may have received while nobody followed it, without anybody being surprised by the answers. */
export const unknownWithoutWord = 20;

interface Schedule {
  readonly baseMs: number;
  readonly factor: number;
  readonly maxMs: number;
  /** The share of the delay that is left to chance. */
  readonly jitter: number;
}

const second = 1_000;
const minute = 60 * second;

/** Full jitter from 1 s to 1 min where the way is broken; what only a person can mend is tried seldom. */
const schedules: Readonly<Record<TroubleKind, Schedule>> = {
  unreachable: { baseMs: second, factor: 2, maxMs: minute, jitter: 1 },
  protocol: { baseMs: second, factor: 2, maxMs: 5 * minute, jitter: 1 },
  throttled: { baseMs: 15 * second, factor: 2, maxMs: 15 * minute, jitter: 0.5 },
  tls: { baseMs: 15 * second, factor: 2, maxMs: 15 * minute, jitter: 0.5 },
  folder_missing: { baseMs: 15 * second, factor: 2, maxMs: 15 * minute, jitter: 0.5 },
  authentication: { baseMs: 2 * minute, factor: 4, maxMs: 360 * minute, jitter: 0.25 },
  unsupported: { baseMs: 2 * minute, factor: 4, maxMs: 360 * minute, jitter: 0.25 },
};

/** How long to stay away after `failures` in a row (1 is the first), in ms. `random` is from 0 up to, not including, 1. */
export function reconnectDelayMs(kind: TroubleKind, failures: number, random: () => number): number {
  const { baseMs, factor, maxMs, jitter } = schedules[kind];
  const fullMs = Math.min(maxMs, baseMs * factor ** (Math.max(failures, 1) - 1));
  return Math.round(fullMs * (1 - jitter * random()));
}

/** Whether only other credentials, or another server, would help. */
export const isQuarantine = (kind: TroubleKind): boolean => kind === "authentication" || kind === "unsupported";
