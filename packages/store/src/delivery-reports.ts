import { addressKey, type Report, type ReportedRecipient, type Sign } from "@mailfleet/mail";
import type { Tx } from "./database.ts";
import { findReported, type ReportedDelivery } from "./reported-delivery.ts";
import { suppressReported } from "./suppress-reported.ts";

/** What a report says about a delivery. `unclear`: from a mail system, in a shape that nobody here can read. */
export type DeliveryReportKind =
  | "bounce"
  | "delay"
  | "delivered"
  | "complaint"
  | "feedback"
  | "disposition"
  | "auto_reply"
  | "unclear";

/** What came of a report: the recipient is mailed no more, one bounce more is counted, or nothing but the record. */
export type ReportEffect = "suppressed" | "counted" | "noted";

/** A report as a delivery's page shows it. */
export interface DeliveryReport {
  readonly kind: DeliveryReportKind;
  /** Whether it says that the address is dead. */
  readonly hard: boolean;
  readonly status: string | null;
  readonly diagnostic: string | null;
  /** Whom the report names. */
  readonly recipient: string | null;
  readonly at: Date;
  /** The inbound message that it came as. */
  readonly inbound: string;
}

export interface RecordedEffect {
  readonly deliveryUid: string;
  readonly effect: ReportEffect;
}

export type RecordedReport =
  /** The effect that reaches furthest, and then all of them: a report may be about several deliveries. */
  | ({ readonly kind: "matched"; readonly all: readonly RecordedEffect[] } & RecordedEffect)
  | { readonly kind: "unmatched" };

export interface ArrivedReport {
  readonly tenantId: string;
  readonly inboundUid: string;
  /** Whether it came into a mailbox for reports. Into another one anybody writes, and only what is signed counts there. */
  readonly isForReports: boolean;
  readonly report: Report;
}

export interface DeliveryReports {
  /**
   * Records what an inbound message of a tenant reports, in the caller's transaction, with the delivery that it is
   * about; a hard bounce or a complaint suppresses the recipient, and soft bounces are counted. The same message again
   * changes nothing. Locks the tenant's row, so it comes last in a transaction.
   */
  record(tx: Tx, arrived: ArrivedReport): Promise<RecordedReport>;
}

/**
 * Soft bounces count once a day, since one full mailbox refuses all mail of an hour. On more days than are tolerated
 * within the window they suppress.
 */
export const softBounceLimits = { toleratedDays: 4, windowDays: 30 } as const;

export function openDeliveryReports(signers: readonly Sign[]): DeliveryReports {
  return {
    async record(tx, arrived) {
      const all: RecordedEffect[] = [];
      for (const delivery of await findReported(tx, arrived.tenantId, arrived.report, signers)) {
        all.push({ deliveryUid: delivery.uid, effect: await recordOne(tx, arrived, delivery) });
      }
      const [first] = all.toSorted((a, b) => reach.indexOf(a.effect) - reach.indexOf(b.effect));
      return first ? { kind: "matched", ...first, all } : { kind: "unmatched" };
    },
  };
}

const reach: readonly ReportEffect[] = ["suppressed", "counted", "noted"];

/** What one report says about one delivery. */
interface Finding {
  readonly kind: DeliveryReportKind;
  readonly hard: boolean;
  readonly status?: string | undefined;
  readonly diagnostic?: string | undefined;
  readonly recipient?: string | undefined;
}

async function recordOne(tx: Tx, arrived: ArrivedReport, delivery: ReportedDelivery): Promise<ReportEffect> {
  const { tenantId, inboundUid } = arrived;
  const finding = findingOf(arrived.report, delivery);
  await tx.query("select from mailfleet.tenants where id = $1 for no key update", [tenantId]);
  const effect = await effectOf(tx, arrived, finding, delivery);
  const made = await tx.query(
    `insert into mailfleet.delivery_reports
       (tenant_id, delivery_uid, inbound_uid, kind, hard, status, diagnostic, recipient, recipient_key, evidence, effect)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) on conflict do nothing returning 1`,
    [
      tenantId,
      delivery.uid,
      inboundUid,
      finding.kind,
      finding.hard,
      finding.status ?? null,
      finding.diagnostic ?? null,
      finding.recipient ?? null,
      delivery.recipientKey,
      delivery.evidence,
      effect,
    ],
  );
  if (made.length === 0) return earlierEffect(tx, tenantId, inboundUid, delivery.uid);
  if (effect === "suppressed") {
    const reason = finding.kind === "complaint" ? "complaint" : finding.hard ? "hard_bounce" : "soft_bounces";
    const note = [finding.status, finding.diagnostic].filter(Boolean).join(" ");
    await suppressReported(tx, tenantId, { address: delivery.recipientKey, reason, note });
  }
  return effect;
}

async function earlierEffect(tx: Tx, tenantId: string, inboundUid: string, uid: string): Promise<ReportEffect> {
  const [row] = await tx.query<{ effect: ReportEffect }>(
    "select effect from mailfleet.delivery_reports where tenant_id = $1 and delivery_uid = $2 and inbound_uid = $3",
    [tenantId, uid, inboundUid],
  );
  return row?.effect ?? "noted";
}

/**
 * A Message-ID and a recipient are known to everybody in a thread. So what has no signature counts only where there is
 * none to be had: its account signs no reverse-paths. What a fellow recipient could have invented is then at most counted.
 */
async function effectOf(
  tx: Tx,
  { tenantId, isForReports }: ArrivedReport,
  { kind, hard }: Finding,
  { evidence, isNamed, isShared, recipientKey }: ReportedDelivery,
): Promise<ReportEffect> {
  const isSigned = evidence === "signed";
  const isBelieved = isSigned || (isForReports && !isNamed);
  if (!isBelieved || (kind !== "complaint" && kind !== "bounce")) return "noted";
  if ((hard || kind === "complaint") && (isSigned || !isShared)) return "suppressed";
  return (await countedDays(tx, tenantId, recipientKey)) > softBounceLimits.toleratedDays ? "suppressed" : "counted";
}

/** Days of the window on which a bounce was counted for an address; today is one. */
async function countedDays(tx: Tx, tenantId: string, recipientKey: string): Promise<number> {
  const [row] = await tx.query<{ days: number }>(
    `select count(distinct day) as days from (
       select (at at time zone 'utc')::date as day from mailfleet.delivery_reports
       where tenant_id = $1 and recipient_key = $2 and effect = 'counted' and at > now() - make_interval(days => $3)
       union all select (now() at time zone 'utc')::date) as counted`,
    [tenantId, recipientKey, softBounceLimits.windowDays],
  );
  return row?.days ?? 0;
}

function findingOf(report: Report, delivery: ReportedDelivery): Finding {
  switch (report.kind) {
    case "delivery_status": {
      const about = recipientOf(report.recipients, delivery);
      if (!about) return { kind: "unclear", hard: false };
      const { action, status, diagnostic, permanence, addresses } = about;
      const kind = action === "failed" ? "bounce" : action === "delayed" ? "delay" : "delivered";
      return { kind, hard: permanence === "hard", status, diagnostic, recipient: addresses[0] };
    }
    case "feedback":
      return {
        kind: report.isComplaint ? "complaint" : "feedback",
        hard: false,
        diagnostic: report.feedbackType,
        recipient: report.addresses[0],
      };
    case "disposition":
      return { kind: "disposition", hard: false, diagnostic: report.disposition, recipient: report.addresses[0] };
    case "auto_reply":
      return { kind: "auto_reply", hard: false };
  }
}

const mildest: readonly ReportedRecipient["action"][] = ["delivered", "relayed", "expanded", "delayed", "failed"];

/**
 * Who of those that a report names stands for the delivery: its recipient. Where it is not named, its address was an
 * alias or a list, and works for as long as it works for anybody.
 */
function recipientOf(
  recipients: readonly ReportedRecipient[],
  { recipientKey }: ReportedDelivery,
): ReportedRecipient | undefined {
  const named = recipients.find(({ addresses }) => addresses.some((one) => addressKey(one) === recipientKey));
  const severity = (one: ReportedRecipient): number =>
    2 * mildest.indexOf(one.action) + (one.permanence === "hard" ? 1 : 0);
  return named ?? recipients.toSorted((a, b) => severity(a) - severity(b))[0];
}

const shownReports = 100;

/** What has come in about a delivery, oldest first; at most 100. */
export async function reportsOf(tx: Tx, tenantId: string, deliveryUid: string): Promise<readonly DeliveryReport[]> {
  return tx.query<DeliveryReport>(
    `select kind, hard, status, diagnostic, recipient, at, inbound_uid as inbound from mailfleet.delivery_reports
     where tenant_id = $1 and delivery_uid = $2 order by at, inbound_uid limit $3`,
    [tenantId, deliveryUid, shownReports],
  );
}
