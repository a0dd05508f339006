import type { Outcome } from "./outcome.ts";
import { nextDelayMs, type RetryPolicy } from "./retry.ts";
import type { EnhancedStatusCode } from "./status.ts";

/** What follows an attempt. */
export type NextStep =
  | { readonly kind: "done" }
  /** Tried again `delayMs` from now. */
  | { readonly kind: "retry"; readonly delayMs: number }
  /** Given up, with the status and reason of the last attempt. */
  | {
      readonly kind: "dead_letter";
      readonly status: EnhancedStatusCode;
      readonly reason: string;
      readonly because: "permanent_error" | "max_attempts" | "give_up_after" | "expired";
    }
  /** Waits for somebody's decision. */
  | { readonly kind: "hold"; readonly reason: "in_doubt" };

/** What an outcome is weighed against. Times are database times, in milliseconds since 1970. */
export interface DecideContext {
  /** Number of the attempt that just ended; the first is 1. */
  readonly attempt: number;
  readonly acceptedAtMs: number;
  readonly nowMs: number;
  /** The sender's own limit: the message is of no use after it. */
  readonly expiresAtMs?: number;
  readonly retry: RetryPolicy;
  /** What the tenant wants for mail that the next hop may already have. */
  readonly inDoubt: "retry" | "hold";
  readonly random: () => number;
}

/** What follows an attempt. Pure, so every rule about retrying is a line in a table test. */
export function decide(outcome: Outcome, context: DecideContext): NextStep {
  switch (outcome.kind) {
    case "success":
      return { kind: "done" };
    case "permanent_error":
      return { kind: "dead_letter", status: outcome.status, reason: outcome.reason, because: "permanent_error" };
    case "in_doubt":
      return context.inDoubt === "hold" ? { kind: "hold", reason: "in_doubt" } : nextTry(outcome, context);
    case "transient_error":
      return nextTry(outcome, context);
  }
}

function nextTry({ status, reason }: { status: EnhancedStatusCode; reason: string }, context: DecideContext): NextStep {
  const { attempt, acceptedAtMs, nowMs, expiresAtMs, retry } = context;
  if (retry.maxAttempts !== undefined && attempt >= retry.maxAttempts) {
    return { kind: "dead_letter", status, reason, because: "max_attempts" };
  }
  // An end that no further attempt could come before is told now, not when the time is up: the sender learns sooner.
  const delayMs = nextDelayMs(retry, attempt, context.random);
  if (nowMs + delayMs > acceptedAtMs + retry.giveUpAfterMs) {
    return { kind: "dead_letter", status, reason, because: "give_up_after" };
  }
  if (expiresAtMs !== undefined && nowMs + delayMs >= expiresAtMs) {
    return { kind: "dead_letter", status, reason, because: "expired" };
  }
  return { kind: "retry", delayMs };
}
