import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { Secret } from "@mailfleet/config";

/** Knows the admin token, and who has shown it. It keeps nothing, so any replica admits whom another has. */
export interface Sessions {
  isToken(text: string): boolean;
  /** A cookie's value that is good for `sessionMs`. */
  open(nowMs: number): string;
  isOpen(value: string, nowMs: number): boolean;
}

export const sessionMs = 12 * 3_600_000;

export function createSessions(adminToken: Secret): Sessions {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  const expected = digest(adminToken.reveal());
  // A key of its own, so that a session says nothing about the token; a new token ends all sessions.
  const key = createHmac("sha256", adminToken.reveal()).update("mailfleet board session").digest();
  const sign = (untilMs: string) => createHmac("sha256", key).update(untilMs).digest("base64url");
  return {
    isToken: (text) => timingSafeEqual(digest(text), expected),
    open(nowMs) {
      const untilMs = String(nowMs + sessionMs);
      return `${untilMs}.${sign(untilMs)}`;
    },
    isOpen(value, nowMs) {
      const [untilMs = "", signature = ""] = value.split(".", 2);
      const isOurs = timingSafeEqual(digest(signature), digest(sign(untilMs)));
      return isOurs && Number(untilMs) > nowMs;
    },
  };
}

/** Slows down whoever guesses: so many failures per address and minute, then none of its attempts is looked at. */
export interface Attempts {
  mayTry(address: string, nowMs: number): boolean;
  failed(address: string, nowMs: number): void;
}

export const attemptLimits = { failures: 10, windowMs: 60_000, addresses: 10_000 } as const;

export function createAttempts(): Attempts {
  const windows = new Map<string, { startMs: number; failures: number }>();
  const current = (address: string, nowMs: number) => {
    const window = windows.get(address);
    return window && nowMs - window.startMs < attemptLimits.windowMs ? window : undefined;
  };
  return {
    mayTry: (address, nowMs) => (current(address, nowMs)?.failures ?? 0) < attemptLimits.failures,
    failed(address, nowMs) {
      const window = current(address, nowMs) ?? { startMs: nowMs, failures: 0 };
      window.failures++;
      windows.delete(address);
      windows.set(address, window);
      if (windows.size > attemptLimits.addresses) windows.delete(windows.keys().next().value!);
    },
  };
}
