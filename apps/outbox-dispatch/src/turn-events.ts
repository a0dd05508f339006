import type { EnhancedStatusCode, NotAttempted, SendResult } from "@mailfleet/mail";
import { priorities } from "@mailfleet/mail";
import type { DeliveryRecord, SendingAccount, Transmission, Verdict } from "@mailfleet/store";
import type { Telemetry } from "@mailfleet/telemetry";

export type TurnEvents = ReturnType<typeof turnEvents>;

/** What can happen in a turn, told to the telemetry in its own words. */
export function turnEvents(telemetry: Telemetry) {
  const facts = (account: SendingAccount, { deliveryUid, id, tenantId, envelope }: Transmission) => ({
    deliveryId: deliveryUid,
    messageId: id,
    tenantId,
    accountId: account.id,
    recipient: envelope.recipients[0]?.address ?? "",
  });

  function followed(account: SendingAccount, transmission: Transmission, record: DeliveryRecord, nowMs: number) {
    const of = facts(account, transmission);
    const { attempt, next, status = "", reason = "" } = record;
    if (next.kind === "retry") telemetry.deferred({ ...of, attempt, nextAt: new Date(nowMs + next.delayMs) });
    if (next.kind === "dead_letter") telemetry.deadLettered({ ...of, attempt, status, reason });
    if (next.kind === "hold") telemetry.held({ ...of, reason: next.reason });
    if (next.kind === "suppress") telemetry.suppressed({ ...of, reason: "listed" });
  }

  return {
    attempted(
      account: SendingAccount,
      transmission: Transmission,
      result: SendResult,
      record: DeliveryRecord,
      durationMs: number,
      nowMs: number,
    ) {
      if (result.kind === "not_attempted") return;
      telemetry.attempted({
        ...facts(account, transmission),
        attempt: transmission.attempt,
        outcome: result,
        durationMs,
        priority: priorities[transmission.priority] ?? "medium",
        ...(result.kind === "success" && { acceptedToSentMs: nowMs - transmission.acceptedAtMs }),
      });
      if (result.kind !== "success") followed(account, transmission, record, nowMs);
    },

    /** Its sender lapsed while it was transmitting, so nobody can say how it ended. */
    abandoned(account: SendingAccount, transmission: Transmission, record: DeliveryRecord, nowMs: number) {
      const { status = "", reason = "" } = record;
      telemetry.attempted({
        ...facts(account, transmission),
        attempt: transmission.attempt,
        outcome: { kind: "in_doubt", status: status as EnhancedStatusCode, reason },
        priority: priorities[transmission.priority] ?? "medium",
      });
      followed(account, transmission, record, nowMs);
    },

    withheld(
      account: SendingAccount,
      transmission: Transmission,
      verdict: Verdict,
      record: DeliveryRecord | undefined,
    ) {
      if (record) followed(account, transmission, record, 0);
      if (verdict === "limited")
        telemetry.rateLimited({ tenantId: account.tenantId, accountId: account.id, deliveries: 1 });
    },

    blocked(account: SendingAccount, refused: NotAttempted, delayMs: number) {
      telemetry.accountBlocked({
        tenantId: account.tenantId,
        accountId: account.id,
        trouble: refused.trouble ?? "unreachable",
        status: refused.status,
        reason: refused.reason,
        until: new Date(Date.now() + delayMs),
      });
    },

    unblocked(account: SendingAccount) {
      telemetry.accountUnblocked({ tenantId: account.tenantId, accountId: account.id });
    },

    failed(error: unknown) {
      telemetry.log.error({ event: "turn_failed", err: error }, "a turn had trouble of our own");
    },
  };
}
