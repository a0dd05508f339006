import type { DeliveryState } from "@mailfleet/mail";
import type { Log } from "./log.ts";
import type { Metrics } from "./metrics.ts";

interface AccountFacts {
  readonly tenantId: string;
  readonly accountId: string;
}

export type FleetEvents = ReturnType<typeof fleetEvents>;

/** What can happen to accounts, workers and queues. */
export function fleetEvents(log: Log, metrics: Metrics) {
  return {
    /** An account's next hop is in trouble, so none of its mail is offered until then. */
    accountBlocked(
      facts: AccountFacts & {
        /** A code, such as "authentication"; it becomes a label. */
        readonly trouble: string;
        readonly status: string;
        readonly reason: string;
        readonly until: Date;
      },
    ): void {
      const { tenantId, accountId, trouble, status, reason, until } = facts;
      metrics.ofAccount(tenantId, accountId).blocks(trouble).value++;
      log.warn({ event: "account_blocked", tenantId, accountId, trouble, status, reason, until }, "account blocked");
    },

    /** A probe got through, so the account's mail moves again. */
    accountUnblocked({ tenantId, accountId }: AccountFacts): void {
      log.info({ event: "account_unblocked", tenantId, accountId }, "account unblocked");
    },

    /** Claims lapsed with the lease of the worker that held them. */
    claimsLapsed(facts: {
      readonly workerId: string;
      /** Given back free of charge. */
      readonly claimed: number;
      /** In doubt from now on. */
      readonly transmitting: number;
    }): void {
      metrics.lapsedClaims("claimed").value += facts.claimed;
      metrics.lapsedClaims("transmitting").value += facts.transmitting;
      const { workerId, claimed, transmitting } = facts;
      log.warn({ event: "claims_lapsed", workerId, claimed, transmitting }, "claims lapsed");
    },

    /** A sweep found due mail that had no errand, or another thing that had been left lying. */
    sweepRepaired(facts: {
      /** A code, such as "wake"; it becomes a label. */ readonly kind: string;
      readonly count: number;
    }): void {
      if (facts.count === 0) return;
      metrics.sweepRepairs(facts.kind).value += facts.count;
      log.info({ event: "sweep_repaired", kind: facts.kind, count: facts.count }, "sweep repaired");
    },

    /** A round of claims, promotions and records failed, and is tried again. */
    roundFailed(error: unknown): void {
      const { code } = error as { readonly code?: unknown };
      metrics.roundFailures(typeof code === "string" ? code : "none").value++;
      log.error({ event: "round_failed", err: error }, "a round failed; it is tried again");
    },

    /** Redis did not take wake-ups. Nothing is lost: a sweep finds what is due. */
    wakesDropped(facts: { readonly count: number; readonly reason: "full" | "redis" | "invalid" }): void {
      metrics.droppedWakes(facts.reason).value += facts.count;
      log.debug({ event: "wakes_dropped", count: facts.count, reason: facts.reason }, "wake-ups dropped");
    },

    jobQuarantined(facts: { readonly queue: string; readonly jobId: string; readonly reason: string }): void {
      metrics.quarantinedJobs(facts.queue).value++;
      log.error(
        { event: "job_quarantined", queue: facts.queue, jobId: facts.jobId, reason: facts.reason },
        "job quarantined",
      );
    },

    /** What the elected sampler saw in SQL. */
    outboxSampled(facts: {
      readonly depth: Readonly<Partial<Record<DeliveryState, number>>>;
      readonly oldestDueSeconds: number;
      readonly inbound: {
        readonly waiting: Readonly<Record<string, number>>;
        readonly oldestDueSeconds: number | null;
        /** By state. */ readonly mailboxes: Readonly<Record<string, number>>;
      };
    }): void {
      const { depth, oldestDueSeconds, inbound } = facts;
      for (const [state, count] of Object.entries(depth)) metrics.outboxDepth.set({ state }, count);
      metrics.outboxOldestDueSeconds.set(oldestDueSeconds);
      for (const [state, count] of Object.entries(inbound.waiting)) metrics.inboundDepth.set({ state }, count);
      metrics.inboundOldestDueSeconds.set(inbound.oldestDueSeconds ?? 0);
      for (const [state, count] of Object.entries(inbound.mailboxes)) metrics.mailboxes.set({ state }, count);
    },

    /** What the elected sampler is no longer: its figures must not stand still for ever. */
    outboxForgotten(): void {
      metrics.outboxDepth.reset();
      metrics.outboxOldestDueSeconds.reset();
      metrics.inboundDepth.reset();
      metrics.inboundOldestDueSeconds.reset();
      metrics.mailboxes.reset();
    },

    /** Jobs by queue and state, as Redis has them. */
    queueSampled(counts: Readonly<Record<string, Readonly<Record<string, number>>>>): void {
      for (const [queue, states] of Object.entries(counts)) {
        for (const [state, count] of Object.entries(states)) metrics.queueJobs.set({ queue, state }, count);
      }
    },
  };
}
