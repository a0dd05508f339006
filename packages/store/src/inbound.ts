import type { BlobStore } from "./blob.ts";
import { logCommand } from "./command-log.ts";
import { type ContentRow, contentOf, type StoredContent } from "./content.ts";
import type { Database, Sql, Tx } from "./database.ts";
import { isUid } from "./deliveries.ts";
import { filterTimes } from "./list-filter.ts";
import { type Page, type PageRequest, pageOf, pageSize, readCursor } from "./page.ts";
import { beginAnew, type Requeued, type RequeueFilter, requeueAll } from "./requeue-all.ts";
import { type StoppedBy, stoppedByMailbox, stoppedByTenant } from "./stopped-by.ts";
import type { ApprovedDraft, Draft } from "./ticket.ts";
import { openWhere } from "./where.ts";

/** What an inbound message is doing, or how it has ended. */
export const inboundStates = [
  "pending", // It waits for a worker, or for its time.
  "answering", // A worker has it in hand.
  "awaiting_approval", // It waits for a person.
  "answered",
  "skipped",
  "rejected",
  "failed",
] as const;
export type InboundState = (typeof inboundStates)[number];

export interface InboundMessage {
  readonly uid: string;
  readonly tenantId: string;
  /** The mailbox's id, which outlives it. */
  readonly mailbox: string;
  readonly messageId: string | null;
  readonly headerFrom: string | null;
  readonly subject: string | null;
  /** Where it lay when it was last seen. */
  readonly folder: string;
  readonly uidValidity: number;
  readonly imapUid: number;
  readonly flags: readonly string[];
  /** When the server took it, and when we recorded it. */
  readonly arrivedAt: Date;
  readonly receivedAt: Date;
  readonly sizeBytes: number;
  readonly hasContent: boolean;
  readonly state: InboundState;
  /** A stable code; of one that waits, why its last try came to nothing. */
  readonly reason: string | null;
  readonly detail: string | null;
  readonly endedAt: Date | null;
  readonly run: number;
  readonly tries: number;
  /** When it may be worked on next. */
  readonly dueAt: Date | null;
  readonly correspondent: string | null;
}

/**
 * What a message that is not in a worker's hands waits for: its draft for a person's `approval`, its tenant to be active
 * again (`tenant`), a kill switch to be lifted (`start_answering`), its mailbox to be looked at (`look`), its time
 * (`due_at`), or a `worker`.
 */
export type WaitsFor = "approval" | "tenant" | "start_answering" | "look" | "due_at" | "worker";

/** The whole story, from arrival to the answer. */
export interface InboundDetail extends InboundMessage {
  /** Null where it has ended, or a worker has it in hand. */
  readonly waitsFor: WaitsFor | null;
  /** Whose kill switch it waits for; null unless it waits. */
  readonly stoppedBy: StoppedBy | null;
  readonly draft: Draft | null;
  readonly transcript: unknown;
  readonly decidedBy: string | null;
  readonly decidedAt: Date | null;
  /** Its answer; `messageUid` is null where it went to Drafts. */
  readonly answer: {
    readonly messageId: string;
    readonly messageUid: string | null;
    readonly answerer: string;
    readonly at: Date;
  } | null;
  readonly steps: readonly {
    readonly kind: string;
    readonly name: string;
    readonly startedAt: Date;
    readonly endedAt: Date | null;
  }[];
  readonly actions: readonly {
    readonly kind: string;
    readonly detail: Readonly<Record<string, unknown>>;
    readonly createdAt: Date;
    readonly doneAt: Date | null;
    readonly givenUp: boolean;
    readonly trouble: string | null;
  }[];
}

export interface InboundFilter {
  /** A mailbox's id. */
  readonly mailbox?: string;
  readonly state?: InboundState;
  readonly reason?: string;
  readonly from?: string;
  /** Recorded at or after. */
  readonly after?: Date;
  /** Recorded before. */
  readonly before?: Date;
}

export type InboundDecision =
  | { readonly kind: "done" }
  | { readonly kind: "not_found" }
  /** It is not in a state in which that can be decided (409). */
  | {
      readonly kind: "refused";
      readonly code: "not_awaiting_approval" | "not_ended" | "was_answered" | "mailbox_gone";
      readonly detail: string;
    };

export interface Inbound {
  get(tenantId: string, uid: string): Promise<InboundDetail | undefined>;
  /** Newest first. */
  list(tenantId: string, page: PageRequest & InboundFilter): Promise<Page<InboundMessage>>;
  content(tenantId: string, uid: string): Promise<StoredContent | undefined>;
  /** Begins anew what failed or was skipped or rejected, be it without its content; what was answered never is. */
  requeue(tenantId: string, uid: string, by: string): Promise<InboundDecision>;
  /** Likewise all that ended for one reason. */
  requeueAll(tenantId: string, by: string, filter: RequeueFilter): Promise<Requeued>;
  /** Lets the draft go out, as edited. */
  approve(tenantId: string, uid: string, draft: ApprovedDraft): Promise<InboundDecision>;
  reject(tenantId: string, uid: string, by: string, note?: string): Promise<InboundDecision>;
  /** The kill switch of a tenant, or of the fleet where none is named. Whether anything changed. */
  stopAnswering(tenantId: string | undefined, actor: string): Promise<boolean>;
  startAnswering(tenantId: string | undefined): Promise<boolean>;
  /** Of a tenant, or of the fleet where none is named; null where it goes on. */
  answeringStoppedBy(tenantId?: string): Promise<Exclude<StoppedBy, "mailbox"> | null>;
}

const state = `case when i.state <> 'open' then i.state when a.state = 'approval' then 'awaiting_approval'
    when a.state = 'claimed' then 'answering' else 'pending' end`;

const columns = `i.uid, i.tenant_id as "tenantId", i.mailbox_id as mailbox, i.message_id as "messageId", i.header_from as "headerFrom", i.subject,
    i.folder, i.uid_validity as "uidValidity", i.imap_uid as "imapUid", i.flags, i.arrived_at as "arrivedAt",
    i.received_at as "receivedAt", i.size_bytes as "sizeBytes", i.has_content as "hasContent", ${state} as state, i.reason, i.detail,
    i.ended_at as "endedAt", i.run, i.tries, a.due_at as "dueAt", i.correspondent`;
const from = "from mailfleet.inbound i left join mailfleet.answering a on a.inbound_uid = i.uid";
/** What has not ended is found by its ticket: it is little, and a tenant's history is long. */
const fromOpen = "from mailfleet.answering a join mailfleet.inbound i on i.uid = a.inbound_uid and i.state = 'open'";
const ticketStates: Readonly<Partial<Record<InboundState, string>>> = {
  pending: "(a.state = 'ready' or a.state = 'looking' or a.state = 'stopped')",
  answering: "a.state = 'claimed'",
  awaiting_approval: "a.state = 'approval'",
};

export function openInbound(db: Database, blobs: BlobStore | undefined): Inbound {
  /** Locks the ticket, if there is one, and then the message. */
  const decide = (
    tenantId: string,
    uid: string,
    work: (tx: Tx, found: { readonly state: string; readonly ticket: string | null }) => Promise<InboundDecision>,
  ): Promise<InboundDecision> =>
    db.asTenant(tenantId, async (tx) => {
      if (!isUid(uid)) return { kind: "not_found" };
      const [ticket] = await tx.query<{ state: string }>(
        "select state from mailfleet.answering where tenant_id = $1 and inbound_uid = $2 for update",
        [tenantId, uid],
      );
      const [row] = await tx.query<{ state: string }>(
        "select state from mailfleet.inbound where tenant_id = $1 and uid = $2 for update",
        [tenantId, uid],
      );
      return row ? work(tx, { state: row.state, ticket: ticket?.state ?? null }) : { kind: "not_found" };
    });
  const log = (tx: Tx, tenantId: string, actor: string, command: string, target: string, detail = {}) =>
    logCommand(tx, { actor, tenantId, command, target, detail });

  return {
    get: (tenantId, uid) =>
      isUid(uid) ? db.asTenant(tenantId, (tx) => readDetail(tx, tenantId, uid)) : Promise.resolve(undefined),

    async list(tenantId, { mailbox, state: wanted, reason, from: sender, after, before, ...page }) {
      const where = openWhere();
      const ticket = wanted && ticketStates[wanted];
      const [tables, key] = ticket ? [fromOpen, "a.inbound_uid"] : [from, "i.uid"];
      where.and(`${ticket ? "a" : "i"}.tenant_id = ?`, tenantId);
      where.andIf("i.mailbox_id = ?", mailbox);
      if (ticket) where.and(ticket);
      else where.andIf("i.state = ?", wanted);
      where.andIf("i.reason = ?", reason);
      where.andIf("lower(i.header_from) = lower(?)", sender);
      filterTimes(where, key, "i.received_at", { ...(after && { after }), ...(before && { before }) });
      where.andIf(`${key} < ?::uuid`, readCursor(page, "uuid"));
      const limit = where.parameter(pageSize(page) + 1);
      const rows = await db.asTenant(tenantId, (tx) =>
        tx.query<InboundMessage>(
          `select ${columns} ${tables} ${where.text} order by ${key} desc limit ${limit}`,
          where.values,
        ),
      );
      return pageOf(
        rows,
        pageSize(page),
        (row) => row.uid,
        (row) => row,
      );
    },

    async content(tenantId, uid) {
      if (!isUid(uid)) return undefined;
      const [row] = await db.asTenant(tenantId, (tx) =>
        tx.query<ContentRow>(
          `select i.size_bytes, i.blob_key, c.bytes from mailfleet.inbound i
           left join mailfleet.inbound_contents c on c.inbound_uid = i.uid where i.tenant_id = $1 and i.uid = $2`,
          [tenantId, uid],
        ),
      );
      return row && contentOf(blobs, row);
    },

    requeue: (tenantId, uid, by) =>
      decide(tenantId, uid, async (tx, found) => {
        if (found.state === "open") return { kind: "refused", code: "not_ended", detail: "It has not ended." };
        const [mailbox] = await tx.query(
          `select from mailfleet.mailboxes m join mailfleet.inbound i on i.mailbox_uid = m.uid where i.tenant_id = $1 and i.uid = $2`,
          [tenantId, uid],
        );
        if (!mailbox) return { kind: "refused", code: "mailbox_gone", detail: "Its mailbox was deleted." };
        if (found.state === "answered")
          return { kind: "refused", code: "was_answered", detail: "It was answered; no message is answered twice." };
        await beginAnew(tx, tenantId, [uid]);
        await log(tx, tenantId, by, "inbound.requeue", uid);
        return { kind: "done" };
      }),

    requeueAll: (tenantId, by, filter) => requeueAll(db, tenantId, by, filter),

    approve: (tenantId, uid, draft) =>
      decide(tenantId, uid, async (tx, found) => {
        if (found.ticket !== "approval") return notWaiting;
        await tx.query(
          `update mailfleet.answering set state = 'ready', due_at = now(), approved = $3 where tenant_id = $1 and inbound_uid = $2`,
          [tenantId, uid, JSON.stringify(draft)],
        );
        await decided(tx, tenantId, uid, draft.by);
        const isEdited = draft.subject !== undefined || draft.text !== undefined || draft.html !== undefined;
        await log(tx, tenantId, draft.by, "inbound.approve", uid, { isEdited });
        return { kind: "done" };
      }),

    reject: (tenantId, uid, by, note) =>
      decide(tenantId, uid, async (tx, found) => {
        if (found.ticket !== "approval") return notWaiting;
        await tx.query("delete from mailfleet.answering where tenant_id = $1 and inbound_uid = $2", [tenantId, uid]);
        await tx.query(
          `update mailfleet.inbound set state = 'rejected', reason = 'rejected', detail = $3, ended_at = now()
           where tenant_id = $1 and uid = $2`,
          [tenantId, uid, note ?? null],
        );
        await decided(tx, tenantId, uid, by);
        await log(tx, tenantId, by, "inbound.reject", uid);
        return { kind: "done" };
      }),

    stopAnswering: async (tenantId, actor) =>
      (
        await db.query(
          "insert into mailfleet.answering_stops (tenant_id, actor) values ($1, $2) on conflict do nothing returning 1",
          [tenantId ?? "", actor],
        )
      ).length > 0,

    startAnswering: async (tenantId) =>
      (await db.query("delete from mailfleet.answering_stops where tenant_id = $1 returning 1", [tenantId ?? ""]))
        .length > 0,

    async answeringStoppedBy(tenantId) {
      const [row] = await db.query<{ by: "fleet" | "tenant" | null }>(`select ${stoppedByTenant("$1")} as by`, [
        tenantId ?? "",
      ]);
      return row?.by ?? null;
    },
  };
}

/** Besides what `from` joins, of `mailboxes m` and `tenants t`. */
const waitsFor = `case when i.state <> 'open' or a.state = 'claimed' then null when a.state = 'approval' then 'approval'
    when t.state <> 'active' then 'tenant' when ${stoppedByMailbox} is not null then 'start_answering'
    when a.state = 'looking' then 'look' when a.due_at > now() then 'due_at' else 'worker' end`;

const notWaiting = {
  kind: "refused",
  code: "not_awaiting_approval",
  detail: "It does not wait for approval.",
} as const;

async function decided(sql: Sql, tenantId: string, uid: string, by: string): Promise<void> {
  await sql.query(
    "update mailfleet.inbound set decided_by = $3, decided_at = now() where tenant_id = $1 and uid = $2",
    [tenantId, uid, by],
  );
}

async function readDetail(sql: Sql, tenantId: string, uid: string): Promise<InboundDetail | undefined> {
  const [row] = await sql.query<Omit<InboundDetail, "answer" | "steps" | "actions">>(
    `select ${columns}, ${waitsFor} as "waitsFor", case when i.state = 'open' then ${stoppedByMailbox} end as "stoppedBy", i.draft, i.transcript, i.decided_by as "decidedBy", i.decided_at as "decidedAt" ${from}
     left join mailfleet.mailboxes m on m.uid = i.mailbox_uid left join mailfleet.tenants t on t.id = i.tenant_id
     where i.tenant_id = $1 and i.uid = $2`,
    [tenantId, uid],
  );
  if (!row) return undefined;
  const [answer] = await sql.query<NonNullable<InboundDetail["answer"]>>(
    `select message_id as "messageId", message_uid as "messageUid", answerer, at from mailfleet.answers
     where tenant_id = $1 and inbound_uid = $2`,
    [tenantId, uid],
  );
  const steps = await sql.query<InboundDetail["steps"][number]>(
    `select kind, name, started_at as "startedAt", ended_at as "endedAt" from mailfleet.answer_steps
     where tenant_id = $1 and inbound_uid = $2 and run = $3 order by step limit 1000`,
    [tenantId, uid, row.run],
  );
  const actions = await sql.query<InboundDetail["actions"][number]>(
    `select kind, detail, created_at as "createdAt", done_at as "doneAt", given_up as "givenUp", trouble from mailfleet.mailbox_actions
     where tenant_id = $1 and inbound_uid = $2 order by id limit 1000`,
    [tenantId, uid],
  );
  return { ...row, answer: answer ?? null, steps, actions };
}
