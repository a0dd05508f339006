import type { Outcome } from "@mailfleet/mail";
import type { Log } from "./log.ts";
import type { Metrics } from "./metrics.ts";

/** The delivery that something happened to. Ids go to the log line, tenant and account to the metric as well. */
export interface DeliveryFacts {
  readonly deliveryId: string;
  readonly messageId: string;
  readonly tenantId: string;
  readonly accountId: string;
  /** The only address that a line holds. */
  readonly recipient: string;
}

export interface AcceptedFacts {
  readonly messageId: string;
  readonly tenantId: string;
  readonly accountId: string;
  /** The door it came through: "http", "smtp", "sql", "answer", "dsn". */
  readonly origin: string;
  readonly priority: string;
  readonly recipients: number;
  readonly sizeBytes: number;
}

export interface AttemptFacts extends DeliveryFacts {
  /** 1 for the first. */
  readonly attempt: number;
  readonly outcome: Outcome;
  /** How long the attempt took; absent where its process did not live to tell. */
  readonly durationMs?: number;
  /** With a success: from acceptance, or from `sendAt`, to now. */
  readonly acceptedToSentMs?: number;
  readonly priority: string;
}

export type DeliveryEvents = ReturnType<typeof deliveryEvents>;

/** What can happen to mail. What goes well is logged at `debug`, as it must cost nothing at thousands a second. */
export function deliveryEvents(log: Log, metrics: Metrics) {
  const ids = ({ deliveryId, messageId, tenantId, accountId, recipient }: DeliveryFacts) => ({
    deliveryId,
    messageId,
    tenantId,
    accountId,
    recipient,
  });

  return {
    /** A message is committed, and its submitter is about to be told so. */
    accepted(facts: AcceptedFacts): void {
      metrics.accepted(facts.origin).value++;
      metrics.messageSizeBytes.observe(facts.sizeBytes);
      if (!log.isLevelEnabled("debug")) return;
      const { messageId, tenantId, accountId, origin, priority, recipients, sizeBytes } = facts;
      log.debug(
        { event: "accepted", messageId, tenantId, accountId, origin, priority, recipients, sizeBytes },
        "accepted",
      );
    },

    /** A delivery was offered to its next hop, however it ended. */
    attempted(facts: AttemptFacts): void {
      const { outcome, durationMs } = facts;
      const account = metrics.ofAccount(facts.tenantId, facts.accountId);
      if (durationMs !== undefined) metrics.attemptSeconds(outcome.kind).observe(durationMs / 1_000);
      switch (outcome.kind) {
        case "success":
          account.sent.value++;
          if (facts.acceptedToSentMs !== undefined) {
            metrics.acceptedToSentSeconds(facts.priority).observe(Math.max(0, facts.acceptedToSentMs) / 1_000);
          }
          if (!log.isLevelEnabled("debug")) return;
          log.debug(
            {
              event: "attempted",
              ...ids(facts),
              attempt: facts.attempt,
              outcome: outcome.kind,
              durationMs,
              reason: outcome.reply.text,
            },
            "sent",
          );
          return;
        case "transient_error":
          account.transientErrors.value++;
          break;
        case "permanent_error":
          account.permanentErrors.value++;
          break;
        case "in_doubt":
          account.inDoubt.value++;
          break;
      }
      const { kind, status, reason } = outcome;
      const line = {
        event: "attempted",
        ...ids(facts),
        attempt: facts.attempt,
        outcome: kind,
        status,
        reason,
        durationMs,
      };
      if (kind === "in_doubt") log.warn(line, "in doubt");
      else log.info(line, kind === "transient_error" ? "attempt failed for now" : "attempt refused for good");
    },

    /** A delivery waits for another attempt. */
    deferred(facts: DeliveryFacts & { readonly attempt: number; readonly nextAt: Date }): void {
      metrics.ofAccount(facts.tenantId, facts.accountId).deferred.value++;
      if (!log.isLevelEnabled("debug")) return;
      log.debug({ event: "deferred", ...ids(facts), attempt: facts.attempt, nextAt: facts.nextAt }, "deferred");
    },

    /** Deliveries of a queue key wait for one of its limits. */
    rateLimited(facts: {
      readonly tenantId: string;
      readonly accountId: string;
      /** How many deliveries wait because of it. */
      readonly deliveries: number;
    }): void {
      metrics.ofAccount(facts.tenantId, facts.accountId).rateLimited.value += facts.deliveries;
      const { tenantId, accountId, deliveries } = facts;
      log.debug({ event: "rate_limited", tenantId, accountId, deliveries }, "limit reached");
    },

    /** A delivery was given up, and is kept with its reason. */
    deadLettered(
      facts: DeliveryFacts & { readonly attempt: number; readonly status: string; readonly reason: string },
    ): void {
      metrics.ofAccount(facts.tenantId, facts.accountId).deadLettered.value++;
      const { attempt, status, reason } = facts;
      log.warn({ event: "dead_lettered", ...ids(facts), attempt, status, reason }, "dead-lettered");
    },

    /** A delivery ended unsent, as its recipient must not be mailed. */
    suppressed(facts: DeliveryFacts & { readonly reason: string }): void {
      metrics.suppressed(facts.reason).value++;
      log.info({ event: "suppressed", ...ids(facts), reason: facts.reason }, "suppressed");
    },

    /** A delivery waits for someone's decision. */
    held(facts: DeliveryFacts & { readonly reason: "in_doubt" | "suspended" | "poison" }): void {
      metrics.held(facts.reason).value++;
      log.warn({ event: "held", ...ids(facts), reason: facts.reason }, "held");
    },

    /** A delivery ended unsent, as someone asked for it. */
    cancelled(facts: Omit<DeliveryFacts, "accountId"> & { readonly by: "tenant" | "admin" }): void {
      metrics.cancelled(facts.by).value++;
      const { deliveryId, messageId, tenantId, recipient, by } = facts;
      log.info({ event: "cancelled", deliveryId, messageId, tenantId, recipient, by }, "cancelled");
    },
  };
}
