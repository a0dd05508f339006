import {
  addressKey,
  type DeliveryState,
  deliveryStates,
  isEnded,
  type MessageState,
  type Priority,
  priorities,
} from "@mailfleet/mail";
import type { BlobStore } from "./blob.ts";
import { type Cancellation, cancelMessage } from "./cancel.ts";
import { readContent, type StoredContent } from "./content.ts";
import type { Database, Sql } from "./database.ts";
import { isUid } from "./deliveries.ts";
import { type Delivery, deliveryState, joinTickets, selectDeliveries } from "./delivery-row.ts";
import { filterMessages, filterTimes, type MailFilter } from "./list-filter.ts";
import { type Page, type PageRequest, pageOf, pageSize, readCursor } from "./page.ts";
import { continued, messageTickets, newestTickets } from "./tickets.ts";
import { openWhere } from "./where.ts";

export interface Message {
  readonly uid: string;
  readonly tenantId: string;
  readonly origin: "tenant" | "answer" | "dsn";
  /** The submitter's id, or the uid where none was given. */
  readonly id: string;
  /** The account's id; null once it is deleted. */
  readonly account: string | null;
  readonly accountUid: number;
  /** With its angle brackets. */
  readonly messageId: string;
  readonly via: "http" | "smtp" | "cli" | "internal";
  /** An empty string is the null reverse-path. */
  readonly reversePath: string;
  readonly headerFrom: string | null;
  readonly subject: string | null;
  readonly priority: Priority;
  readonly inDoubt: "retry" | "hold";
  readonly batch: string | null;
  readonly tags: readonly string[] | null;
  readonly metadata: Readonly<Record<string, unknown>> | null;
  readonly sizeBytes: number;
  readonly acceptedAt: Date;
  readonly sendAt: Date | null;
  readonly expiresAt: Date | null;
  readonly state: MessageState;
  /** How many of its deliveries are in each state. */
  readonly counts: Readonly<Record<DeliveryState, number>>;
}

export interface MessageDetail extends Message {
  /** In the order of the recipients, resends after what they repeat; at most 2,000. */
  readonly deliveries: readonly Delivery[];
}

export interface MessageFilter extends MailFilter {
  readonly state?: MessageState;
}

export interface Messages {
  /** By the tenant's own id, or else by uid. */
  get(tenantId: string, id: string): Promise<MessageDetail | undefined>;
  /** Newest first. */
  list(tenantId: string, filter: MessageFilter & PageRequest): Promise<Page<Message>>;
  /** Cancels what is surely unsent; answers for each delivery. Undefined where there is no such message. */
  cancel(tenantId: string, id: string): Promise<readonly Cancellation[] | undefined>;
  /** Undefined where retention has removed it. */
  content(tenantId: string, uid: string): Promise<StoredContent | undefined>;
}

interface MessageRow extends Omit<Message, "state" | "counts" | "priority"> {
  band: number;
  tried: boolean;
  counts: Partial<Record<DeliveryState, number>>;
}

const selectMessages = `select m.uid, m.tenant_id as "tenantId", m.origin, m.id, a.id as account,
    m.account_uid as "accountUid", m.message_id as "messageId", m.via, m.reverse_path as "reversePath",
    m.header_from as "headerFrom", m.subject, m.priority as band, m.in_doubt as "inDoubt", m.batch, m.tags, m.metadata,
    m.size_bytes as "sizeBytes", m.accepted_at as "acceptedAt", m.send_at as "sendAt", m.expires_at as "expiresAt",
    s.tried, s.counts
  from mailfleet.messages m
  left join mailfleet.accounts a on a.uid = m.account_uid
  cross join lateral (
    select coalesce(bool_or(g.tried), false) as tried, coalesce(json_object_agg(g.state, g.n), '{}') as counts from (
      select ${deliveryState} as state, bool_or(d.attempts > 0) as tried, count(*) as n
      from mailfleet.deliveries d ${joinTickets}
      where d.message_uid = m.uid and d.tenant_id = m.tenant_id group by 1) g) s`;

export function openMessages(db: Database, blobs?: BlobStore): Messages {
  return {
    get: (tenantId, id) =>
      db.asTenant(tenantId, async (tx) => {
        const uid = await findUid(tx, tenantId, id);
        if (uid === undefined) return undefined;
        const values = [tenantId, uid];
        const [row] = await tx.query<MessageRow>(`${selectMessages} where m.tenant_id = $1 and m.uid = $2`, values);
        if (!row) return undefined;
        const deliveries = await tx.query<Delivery>(
          `${selectDeliveries} where d.tenant_id = $1 and d.message_uid = $2 order by d.position, d.uid limit 2000`,
          values,
        );
        return { ...shown(row), deliveries };
      }),

    list: (tenantId, filter) => db.asTenant(tenantId, (tx) => list(tx, tenantId, filter)),

    async cancel(tenantId, id) {
      const uid = await db.asTenant(tenantId, (tx) => findUid(tx, tenantId, id));
      return uid === undefined ? undefined : cancelMessage(db, tenantId, uid);
    },

    content: (tenantId, uid) => readContent(db, blobs, tenantId, uid),
  };
}

async function list(sql: Sql, tenantId: string, filter: MessageFilter & PageRequest): Promise<Page<Message>> {
  const where = openWhere();
  where.and("m.tenant_id = ?", tenantId);
  where.andIf("m.uid < ?", readCursor(filter, "uuid"));
  where.andIf("a.id = ?", filter.account);
  filterMessages(where, filter);
  filterTimes(where, "m.uid", "m.accepted_at", filter);
  if (filter.recipient !== undefined) {
    const key = addressKey(filter.recipient);
    where.and(hasRecipient, tenantId, key, key);
  }
  if (filter.state !== undefined) where.and(stateConditions[filter.state]);
  // These have an index of their own, which is narrower still.
  const isNarrow = filter.recipient !== undefined || filter.batch !== undefined;
  const tickets = isNarrow ? [] : messageTickets(filter.state);
  const candidates = await newestTickets(sql, tenantId, tickets, "message_uid", filter);
  if (tickets.length > 0) where.and("m.uid = any (?::uuid[])", candidates.uids);

  const limit = where.parameter(pageSize(filter) + 1);
  const rows = await sql.query<MessageRow>(
    `${selectMessages} ${where.text} order by m.uid desc limit ${limit}`,
    where.values,
  );
  return continued(
    pageOf(rows, pageSize(filter), (row) => row.uid, shown),
    candidates,
  );
}

const hasRecipient = `m.uid in (select d.message_uid from mailfleet.deliveries d where d.tenant_id = ? and (d.recipient = ? or d.recipient_key = ?))`;

const isOpen = "exists (select from mailfleet.deliveries d where d.message_uid = m.uid and d.state = 'open')";
const hasBegun = `exists (select from mailfleet.deliveries d
  where d.message_uid = m.uid and (d.state <> 'open' or d.attempts > 0))`;

const stateConditions: Readonly<Record<MessageState, string>> = {
  pending: `not ${hasBegun}`,
  active: `(${isOpen} and ${hasBegun})`,
  done: `not ${isOpen}`,
};

/** The tenant's own ids come first: a tenant may use another message's uid as its id, and means its own then. */
async function findUid(sql: Sql, tenantId: string, id: string): Promise<string | undefined> {
  const [row] = await sql.query<{ uid: string }>(
    `select message_uid as uid from mailfleet.submission_keys where tenant_id = $1 and origin = 'tenant' and id = $2`,
    [tenantId, id],
  );
  return row?.uid ?? (isUid(id) ? id : undefined);
}

function shown({ band, tried, counts, ...message }: MessageRow): Message {
  const all = Object.fromEntries(deliveryStates.map((state) => [state, counts[state] ?? 0]));
  return {
    ...message,
    priority: priorities[band] ?? "low",
    state: stateOf(counts, tried),
    counts: all as Record<DeliveryState, number>,
  };
}

function stateOf(counts: MessageRow["counts"], tried: boolean): MessageState {
  const states = deliveryStates.filter((state) => (counts[state] ?? 0) > 0);
  if (states.every(isEnded)) return "done";
  return tried || states.some(isEnded) ? "active" : "pending";
}
