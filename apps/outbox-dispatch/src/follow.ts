import { type DecideContext, decide, type EnhancedStatusCode, type SendResult } from "@mailfleet/mail";
import type { DeliveryRecord, Transmission, Verdict } from "@mailfleet/store";

const inHand = ({ deliveryUid, tenantId, workerId, attempt }: Transmission) => ({
  deliveryUid,
  tenantId,
  workerId,
  attempt,
});

/** How often mail may take its process down while it is alone, on top of the two times in company. */
export const poisonAfterCrashes = 5;

/** What is written down of an attempt, and what follows from it. */
export function recordOf(
  result: SendResult,
  transmission: Transmission,
  context: Pick<DecideContext, "nowMs" | "retry" | "random">,
  durationMs?: number,
): DeliveryRecord {
  if (result.kind === "not_attempted") return { ...inHand(transmission), next: { kind: "back" } };
  const { attempt, acceptedAtMs, expiresAtMs, inDoubt } = transmission;
  // The ticket's end was set from giveUpAfter when it was issued: at acceptance, or when it was resent or released.
  const until =
    expiresAtMs === undefined
      ? {}
      : { expiresAtMs, retry: { ...context.retry, giveUpAfterMs: Number.POSITIVE_INFINITY } };
  const step = decide(result, { ...context, ...until, attempt, acceptedAtMs, inDoubt });
  const told =
    result.kind === "success"
      ? { status: result.reply.status, replyCode: result.reply.code, reason: result.reply.text }
      : { status: result.status, reason: result.reason, ...("replyCode" in result && { replyCode: result.replyCode }) };
  return {
    ...inHand(transmission),
    outcome: result.kind,
    ...told,
    ...(durationMs !== undefined && { durationMs }),
    next: step.kind === "dead_letter" ? { kind: "dead_letter" } : step,
  } as DeliveryRecord;
}

/** Message expired before delivery was completed (RFC 3463, X.4.7). */
const expired: EnhancedStatusCode = "5.4.7";

/** What is written down of a delivery that may not be offered; undefined where it is in other hands already. */
export function recordOfVerdict(
  verdict: Exclude<Verdict, "go">,
  transmission: Transmission,
): DeliveryRecord | undefined {
  switch (verdict) {
    case "gone":
      return undefined;
    case "unknown":
    case "paused":
    case "limited":
      return { ...inHand(transmission), next: { kind: "back" } };
    case "suspended":
      return { ...inHand(transmission), reason: "the batch is suspended", next: { kind: "hold", reason: "suspended" } };
    case "suppressed":
      return {
        ...inHand(transmission),
        status: "5.7.1",
        reason: "the recipient is suppressed",
        next: { kind: "suppress" },
      };
    case "expired":
      return { ...inHand(transmission), status: expired, reason: "its time was up", next: { kind: "dead_letter" } };
  }
}

/** What is written down of a delivery whose sender lapsed while it was transmitting: the next hop may have it. */
export function recordOfAbandoned(
  transmission: Transmission,
  crashes: number,
  context: Pick<DecideContext, "nowMs" | "retry" | "random">,
): DeliveryRecord {
  const record = recordOf(
    { kind: "in_doubt", status: "4.4.2", reason: "its sender lapsed after it had begun to transmit" },
    transmission,
    context,
  );
  return crashes >= poisonAfterCrashes ? { ...record, next: { kind: "hold", reason: "poison" } } : record;
}
