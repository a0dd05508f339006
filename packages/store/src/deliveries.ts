import type { DeliveryState } from "@mailfleet/mail";
import type { Database, Sql, Tx } from "./database.ts";
import { type DeliveryReport, reportsOf } from "./delivery-reports.ts";
import { type Delivery, deliveryColumns, deliveryState, deliveryTables, selectDeliveries } from "./delivery-row.ts";
import { filterMessages, filterRecipient, filterTimes, type MailFilter } from "./list-filter.ts";
import { type Page, type PageRequest, pageOf, pageSize, readCursor } from "./page.ts";
import { type ReleaseAction, type Released, release } from "./release.ts";
import { type Resent, resend } from "./resend.ts";
import { continued, deliveryTickets, newestTickets } from "./tickets.ts";
import { openWhere, type Where } from "./where.ts";

/** One try, one row. */
export interface Attempt {
  readonly number: number;
  readonly outcome: "success" | "transient_error" | "permanent_error" | "in_doubt";
  readonly status: string;
  readonly replyCode: number | null;
  readonly reason: string;
  readonly endedAt: Date;
  readonly durationMs: number | null;
  /** What a process that had lost its lease found out after all. */
  readonly lateOutcome: string | null;
  readonly lateReason: string | null;
}

export interface DeliveryDetail extends Delivery {
  /** The submission's id. */
  readonly message: string;
  /** In their order; at most 1,000. */
  readonly attempts: readonly Attempt[];
  /** What has come in about it, oldest first; at most 100. */
  readonly reports: readonly DeliveryReport[];
}

export interface DeliveryFilter extends MailFilter {
  readonly state?: DeliveryState;
  readonly messageUid?: string;
}

/** A delivery given up, kept with its reason until someone resends or purges it. */
export interface DeadLetter extends Delivery {
  readonly at: Date;
  /** The submission's id. */
  readonly message: string;
  readonly subject: string | null;
}

export interface Deliveries {
  /** Newest first. */
  list(tenantId: string, filter: DeliveryFilter & PageRequest): Promise<Page<Delivery>>;
  get(tenantId: string, id: string): Promise<DeliveryDetail | undefined>;
  /** Newest delivery first. */
  deadLetters(tenantId: string, filter: MailFilter & PageRequest): Promise<Page<DeadLetter>>;
  /** A new delivery of the same message to the same recipient. Wake the account afterwards. */
  resend(tenantId: string, id: string): Promise<Resent>;
  /** Decides about a held delivery; `actor` is who decided. Where it may be sent again, wake the account afterwards. */
  release(tenantId: string, id: string, action: ReleaseAction, actor: string): Promise<Released>;
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Whether a text can be a delivery's id or a message's uid at all. */
export const isUid = (text: string): boolean => uuid.test(text);

export function openDeliveries(db: Database): Deliveries {
  return {
    list: (tenantId, filter) => db.asTenant(tenantId, (tx) => list(tx, tenantId, filter)),

    get: (tenantId, id) =>
      isUid(id) ? db.asTenant(tenantId, (tx) => read(tx, tenantId, id)) : Promise.resolve(undefined),

    async deadLetters(tenantId, filter) {
      const where = openWhere();
      where.and("dl.tenant_id = ?", tenantId);
      // Once resent, its resend is the one to look at.
      where.and(
        "not exists (select from mailfleet.deliveries r where r.message_uid = d.message_uid and r.resend_of = d.uid)",
      );
      where.andIf("dl.delivery_uid < ?", readCursor(filter, "uuid"));
      narrow(where, filter);
      const limit = where.parameter(pageSize(filter) + 1);
      const rows = await db.asTenant(tenantId, (tx) =>
        tx.query<DeadLetter>(
          `select ${deliveryColumns}, dl.at, m.id as message, m.subject from ${deliveryTables} ${joinMessages}
           join mailfleet.dead_letters dl on dl.tenant_id = d.tenant_id and dl.delivery_uid = d.uid
           ${where.text} order by dl.delivery_uid desc limit ${limit}`,
          where.values,
        ),
      );
      return pageOf(
        rows,
        pageSize(filter),
        (row) => row.id,
        (row) => row,
      );
    },

    resend: async (tenantId, id) =>
      isUid(id) ? db.asTenant(tenantId, (tx) => resend(tx, tenantId, id)) : { kind: "not_found" },

    release: async (tenantId, id, action, actor) =>
      isUid(id) ? db.asTenant(tenantId, (tx) => release(tx, tenantId, id, action, actor)) : { kind: "not_found" },
  };
}

const joinMessages = "join mailfleet.messages m on m.tenant_id = d.tenant_id and m.uid = d.message_uid";

function narrow(where: Where, filter: MailFilter): void {
  where.andIf("a.id = ?", filter.account);
  filterRecipient(where, filter);
  filterMessages(where, filter);
  filterTimes(where, "d.uid", "d.created_at", filter);
}

async function list(sql: Sql, tenantId: string, filter: DeliveryFilter & PageRequest): Promise<Page<Delivery>> {
  const where = openWhere();
  where.and("d.tenant_id = ?", tenantId);
  where.andIf("d.uid < ?", readCursor(filter, "uuid"));
  where.andIf("d.message_uid = ?", filter.messageUid);
  narrow(where, filter);
  where.andIf(`${deliveryState} = ?`, filter.state);
  // These have an index of their own, which is narrower still.
  const isNarrow = filter.recipient !== undefined || filter.batch !== undefined || filter.messageUid !== undefined;
  const tickets = isNarrow ? [] : deliveryTickets(filter.state);
  const candidates = await newestTickets(sql, tenantId, tickets, "delivery_uid", filter);
  if (tickets.length > 0) where.and("d.uid = any (?::uuid[])", candidates.uids);

  const limit = where.parameter(pageSize(filter) + 1);
  const joined = filter.batch !== undefined || filter.tag !== undefined ? joinMessages : "";
  const rows = await sql.query<Delivery>(
    `${selectDeliveries} ${joined} ${where.text} order by d.uid desc limit ${limit}`,
    where.values,
  );
  return continued(
    pageOf(
      rows,
      pageSize(filter),
      (row) => row.id,
      (row) => row,
    ),
    candidates,
  );
}

async function read(sql: Tx, tenantId: string, id: string): Promise<DeliveryDetail | undefined> {
  const [delivery] = await sql.query<Delivery>(`${selectDeliveries} where d.tenant_id = $1 and d.uid = $2`, [
    tenantId,
    id,
  ]);
  if (!delivery) return undefined;
  const attempts = await sql.query<Attempt>(
    `select number, outcome, status, reply_code as "replyCode", reason, ended_at as "endedAt",
       duration_ms as "durationMs", late_outcome as "lateOutcome", late_reason as "lateReason"
     from mailfleet.attempts where delivery_uid = $1 order by number limit 1000`,
    [id],
  );
  const [message] = await sql.query<{ id: string }>(
    "select id from mailfleet.messages where tenant_id = $1 and uid = $2",
    [tenantId, delivery.messageUid],
  );
  const reports = await reportsOf(sql, tenantId, id);
  return { ...delivery, message: message?.id ?? delivery.messageUid, attempts, reports };
}
