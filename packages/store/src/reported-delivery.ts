import { addressKey, deliveryOfReport, type Report, type Sign } from "@mailfleet/mail";
import type { Tx } from "./database.ts";

/** How sure it is that a report is about a delivery: a name that we have signed, or what every recipient can read. */
export type Evidence = "signed" | "message_id";

/** A delivery that a report is about. */
export interface ReportedDelivery {
  readonly uid: string;
  /** The comparison key of its recipient. */
  readonly recipientKey: string;
  readonly evidence: Evidence;
  /**
   * Whether its reports ought to come with a signed name, as its account's reverse-paths have one. An account that is gone
   * may have been such a one. A signed envelope id asks for nothing: relays that do not know DSN lose it.
   */
  readonly isNamed: boolean;
  /** Whether others got the same message, and so know as well as its recipient what its reports would say. */
  readonly isShared: boolean;
}

export const reportedDeliveryLimits = {
  /** How long after its end a delivery is found by its Message-ID. */
  endedWithinDays: 30,
  /** How long after its acceptance: longer, as mail may wait for days. Chooses the partitions. */
  acceptedWithinDays: 45,
  /** Deliveries to one recipient that are looked through for a Message-ID, the newest first. */
  candidates: 1_000,
} as const;

interface Row {
  readonly uid: string;
  readonly key: string;
  readonly isNamed: boolean;
  readonly isShared: boolean;
}

const whatIsKnown = `a.uid is null or coalesce(a.settings->'bounces'->>'mode' = 'verp', false) as "isNamed",
  exists (select from mailfleet.deliveries o where o.message_uid = d.message_uid and o.position <> d.position) as "isShared"`;

/**
 * The tenant's deliveries that a report is about. A signed name is all the evidence there is: where it is another
 * tenant's, or of a delivery that is gone, nothing else is believed either.
 */
export async function findReported(
  tx: Tx,
  tenantId: string,
  report: Report,
  signers: readonly Sign[],
): Promise<readonly ReportedDelivery[]> {
  const named = deliveryOfReport(report, signers);
  const rows = named === undefined ? await byMessageId(tx, tenantId, report) : await byUid(tx, tenantId, named);
  const evidence = named === undefined ? "message_id" : "signed";
  return rows.map(({ key, ...row }) => ({ ...row, recipientKey: key, evidence }));
}

function byUid(tx: Tx, tenantId: string, uid: string): Promise<Row[]> {
  return tx.query<Row>(
    `select d.uid, coalesce(d.recipient_key, d.recipient) as key, ${whatIsKnown}
     from mailfleet.deliveries d left join mailfleet.accounts a on a.uid = d.account_uid
     where d.tenant_id = $1 and d.uid = $2`,
    [tenantId, uid],
  );
}

/**
 * Of each recipient that the report names, the newest delivery of a message that it names. The tenant is compared in a
 * way that no index serves: on a new partition the planner would else read all of a tenant's deliveries.
 */
async function byMessageId(tx: Tx, tenantId: string, report: Report): Promise<Row[]> {
  const keys = reportedKeys(report);
  if (keys.length === 0 || report.messageIds.length === 0) return [];
  const { acceptedWithinDays, endedWithinDays, candidates } = reportedDeliveryLimits;
  return tx.query<Row>(
    `with candidates as materialized (
       select d.uid, d.message_uid, d.account_uid, d.position, coalesce(d.recipient_key, d.recipient) as key
       from mailfleet.deliveries d
       where (d.recipient = any ($2) or d.recipient_key = any ($2)) and coalesce(d.recipient_key, d.recipient) = any ($2)
         and d.tenant_id || '' = $1 and d.uid >= mailfleet.uuid_floor(now() - make_interval(days => $4))
         and d.state in ('sent', 'dead_lettered') and d.ended_at > now() - make_interval(days => $5)
       order by d.uid desc limit $6)
     select distinct on (d.key) d.uid, d.key, ${whatIsKnown}
     from candidates d
     join mailfleet.messages m on m.tenant_id = $1 and m.uid = d.message_uid and m.message_id = any ($3)
     left join mailfleet.accounts a on a.uid = d.account_uid
     order by d.key, d.uid desc`,
    [tenantId, keys, report.messageIds, acceptedWithinDays, endedWithinDays, candidates],
  );
}

function reportedKeys(report: Report): string[] {
  if (report.kind === "auto_reply") return [];
  const addresses =
    report.kind === "delivery_status" ? report.recipients.flatMap((one) => one.addresses) : report.addresses;
  return [...new Set(addresses.map(addressKey))];
}
