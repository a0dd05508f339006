import { createHash } from "node:crypto";
import { composeDsn, makeMessageId, newId, wantsFailureDsn } from "@mailfleet/mail";
import type { DeliveryRecord, Submission, Transmission } from "@mailfleet/store";

/** Whether the sender of mail that came by SMTP is owed a DSN (RFC 3464) for its end. */
export function owesNotification({ via, origin, envelope }: Transmission, { next }: DeliveryRecord): boolean {
  if (next.kind !== "dead_letter" || via !== "smtp" || origin !== "tenant") return false;
  return wantsFailureDsn(envelope.reversePath, envelope.recipients[0]?.notify);
}

/** The DSN for a dead letter, on its way back through the same account, with a null reverse-path. */
export function notificationOf(
  transmission: Transmission,
  record: DeliveryRecord,
  {
    account,
    original,
    reportingMta,
    host,
    nowMs,
  }: {
    readonly account: string;
    readonly original: Uint8Array;
    readonly reportingMta: string;
    /** The next hop that refused. */
    readonly host: string;
    readonly nowMs: number;
  },
): Submission {
  const { envelope, tenantId, deliveryUid, acceptedAtMs } = transmission;
  const recipient = envelope.recipients[0];
  const messageId = makeMessageId(reportingMta, newId());
  const date = new Date(nowMs);
  const dsn = composeDsn({
    to: envelope.reversePath,
    reportingMta,
    messageId,
    date,
    arrivedAt: new Date(acceptedAtMs),
    ...(envelope.envid !== undefined && { envid: envelope.envid }),
    ...(envelope.ret !== undefined && { ret: envelope.ret }),
    failures: [
      {
        address: recipient?.address ?? "",
        ...(recipient?.orcpt !== undefined && { orcpt: recipient.orcpt }),
        status: record.status ?? "5.0.0",
        reason: record.reason ?? "",
        ...(record.replyCode !== undefined && { replyCode: record.replyCode, remoteMta: host }),
        lastAttemptAt: date,
      },
    ],
    original,
  });
  return {
    tenantId,
    origin: "dsn",
    // One end, one notification, however often the end is told.
    id: deliveryUid,
    digest: createHash("sha256").update(deliveryUid).digest(),
    account,
    envelope: {
      reversePath: "",
      recipients: [{ address: envelope.reversePath }],
      smtpUtf8: dsn.smtpUtf8,
      eightBit: dsn.eightBit,
    },
    messageId,
    subject: "Undelivered mail returned to sender",
    content: dsn.bytes,
    priority: "medium",
    inDoubt: "retry",
    via: "internal",
  };
}
