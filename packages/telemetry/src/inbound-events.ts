import type { Log } from "./log.ts";
import type { Metrics } from "./metrics.ts";

interface MailboxFacts {
  readonly tenantId: string;
  readonly mailboxId: string;
}

export type InboundEvents = ReturnType<typeof inboundEvents>;

/** What can happen to mailboxes and to what arrives in them. */
export function inboundEvents(log: Log, metrics: Metrics) {
  return {
    /** A message is recorded; with `skipped`, a code, it has ended as well. */
    received(
      facts: MailboxFacts & { readonly inboundId: string; readonly sizeBytes: number; readonly skipped?: string },
    ) {
      const { tenantId, mailboxId, inboundId, sizeBytes, skipped } = facts;
      if (skipped !== undefined) metrics.inbound("skipped").value++;
      if (!log.isLevelEnabled("debug")) return;
      log.debug({ event: "received", tenantId, mailboxId, inboundId, sizeBytes, skipped }, "received");
    },

    /** A mailbox is in another state, or in the same for another reason. */
    mailboxState(
      facts: MailboxFacts & {
        readonly state: string;
        /** A code. */ readonly reason?: string;
        /** The server's words. */ readonly detail?: string;
        readonly retryInMs?: number;
      },
    ): void {
      const { tenantId, mailboxId, state, reason, detail, retryInMs } = facts;
      const line = { event: "mailbox_state", tenantId, mailboxId, state, reason, detail, retryInMs };
      if (state === "quarantined" || state === "paused") log.warn(line, "mailbox needs somebody");
      else if (state === "unreachable") log.info(line, "mailbox unreachable");
      else log.debug(line, "mailbox state");
    },

    /** A window of the past that somebody asked for has been looked through. */
    backfilled({ tenantId, mailboxId }: MailboxFacts): void {
      log.info({ event: "backfilled", tenantId, mailboxId }, "backfill ended");
    },

    /** Shards of mailboxes whose watcher's lease had lapsed are this process's now. */
    leaseTakenOver(facts: { readonly shards: number }): void {
      if (facts.shards === 0) return;
      metrics.leaseTakeovers("shard").value += facts.shards;
      log.warn({ event: "lease_taken_over", shards: facts.shards }, "took over from a watcher whose lease had lapsed");
    },
  };
}
