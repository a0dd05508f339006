import {
  type Answer,
  type Answered,
  acceptOne,
  answerIn,
  gateOf,
  type LimitedAnswer,
  type LimitReached,
  limitReached,
  NotAccepted,
  Refusal,
  type TooOften,
  type TroublingMessage,
  troubledTooOften,
} from "./answer-transaction.ts";
import { expireApprovals } from "./approvals.ts";
import type { BlobStore } from "./blob.ts";
import { type ContentRow, contentOf, readWhole } from "./content.ts";
import type { Database, Tx } from "./database.ts";
import { type MailboxAction, requestActions } from "./mailbox-actions.ts";
import { isClosed } from "./stopped-by.ts";
import { setNewAside } from "./stopped-tickets.ts";
import type { Submission } from "./submission.ts";
import {
  type ApprovedDraft,
  answerLocks,
  close,
  type Draft,
  type Findings,
  isMine,
  keep,
  type LoadedInbound,
  mine,
  type Ticket,
  take,
} from "./ticket.ts";

/** How a message ends that is not answered. */
export interface UnansweredEnd {
  readonly state: "skipped" | "failed";
  readonly reason: string;
  readonly detail?: string;
}

export type Ended =
  | { readonly kind: "ended"; readonly reason: string; readonly accountUid?: number }
  | { readonly kind: "lost" }
  /** Something was to be forwarded, and a kill switch was set meanwhile, or the tenant suspended: it waits on. */
  | { readonly kind: "stopped" }
  /** The outbox did not take what was to be forwarded; nothing was written. */
  | { readonly kind: "not_accepted"; readonly code: string; readonly detail: string };

export interface Answering {
  /** Claims what may be worked on, fairly over tenants: at most `limit`, and at most `perTenant` of a tenant in hand at once. */
  claim(workerId: number, limit: number, perTenant: number): Promise<readonly Ticket[]>;
  load(ticket: Ticket): Promise<LoadedInbound | undefined>;
  /** Gives it back, for later; `failed` counts as a try. */
  postpone(
    ticket: Ticket,
    options: {
      readonly afterMs: number;
      readonly failed?: { readonly reason: string; readonly detail: string };
    } & Findings,
  ): Promise<boolean>;
  /** Asks its watcher to look whether a person was faster; then it is ready again. */
  lookFirst(ticket: Ticket): Promise<boolean>;
  /** Asks its watcher to read the content, which was not kept when it was recorded; then it is ready again. */
  fetchFirst(ticket: Ticket): Promise<boolean>;
  /** Ends it without an answer. */
  end(
    ticket: Ticket,
    end: UnansweredEnd & {
      readonly actions?: readonly MailboxAction[];
      /** Forwarded on, where the answerer asked for a person. */
      readonly submission?: Submission;
    } & Findings,
    /** Written in the same transaction; what it returns takes the place of the reason and the detail. */
    also?: (tx: Tx) => Promise<Pick<UnansweredEnd, "reason" | "detail"> | undefined>,
  ): Promise<Ended>;
  askForApproval(ticket: Ticket, findings: Findings & { readonly draft: Draft }): Promise<boolean>;
  /** The one transaction: checks state, fence, switches and limits again, accepts the answer, and closes the message. */
  answer(ticket: Ticket, answer: Answer): Promise<Answered>;
  /** What lay in the hands of workers whose lease has lapsed goes back. How many it was. */
  returnLapsed(limit: number): Promise<number>;
  /**
   * What was claimed for the worker longer than `afterMs` ago, and is not among what it knows to have in hand, goes back:
   * the answer to that claim was lost. How many it was.
   */
  returnUnheard(workerId: number, inHand: readonly string[], afterMs: number): Promise<number>;
  /**
   * What has waited to be looked at for longer than `stuckMs`, as its mailbox cannot be reached, is ready again: after
   * `againMs`, to be looked at anew, with the reason `mailbox_unreachable`; at once, and without a look, where a person
   * has approved the answer. How many it was.
   */
  endStuckLooks(limits: {
    readonly stuckMs: number;
    readonly againMs: number;
    readonly limit: number;
  }): Promise<number>;
  /** Ends what has waited for a person for longer than `keptMs`, as `failed: approval_expired`. How many it was. */
  expireApprovals(limits: { readonly keptMs: number; readonly limit: number }): Promise<number>;
  /** What came into mailboxes after their kill switches were set is put where no claim has to step over it; at most `limit`. */
  setStoppedAside(limit: number): Promise<void>;
  /** Whether it is still the ticket's worker's, under its fence. */
  holds(ticket: Ticket): Promise<boolean>;
  /** Earlier messages of a thread with one correspondent, oldest first; `text` is what was sent, or the message's content. */
  thread(
    mailboxUid: number,
    correspondent: string,
    messageIds: readonly string[],
    limit: number,
  ): Promise<readonly ThreadEntry[]>;
  /** What `answer` would refuse for as things are now; asked before an answerer is troubled. */
  limitReached(answer: LimitedAnswer): Promise<LimitReached | undefined>;
  /** Asked before an answerer is troubled: what it was troubled with lately, and has not answered, is limited, too. */
  troubledTooOften(message: TroublingMessage): Promise<TooOften | undefined>;
  /** Whether work on it may go on: it is in the worker's hands, and nothing has stopped answering. */
  mayGoOn(ticket: Ticket): Promise<"yes" | "stopped" | "lost">;
  /** What the worker has in hand and must let go of: a kill switch was set meanwhile, or its tenant suspended. */
  stoppedInHand(workerId: number): Promise<readonly string[]>;
}

/** A larger message is left out of a thread: nobody is shown that much of it. */
const threadContentBytes = 256 * 1_024;

export type ThreadEntry =
  | { readonly from: "us"; readonly at: Date; readonly draft: Draft | null }
  | {
      readonly from: "correspondent";
      readonly at: Date;
      readonly inboundUid: string;
      readonly content: Uint8Array | null;
    };

interface TicketRow {
  inbound_uid: string;
  tenant_id: string;
  mailbox_uid: number;
  fence: number;
  tries: number;
  crashes: number;
  due_at: Date;
  looked_at: Date;
  approved: ApprovedDraft | null;
}

export function openAnswering(db: Database, blobs: BlobStore | undefined): Answering {
  return {
    async claim(workerId, limit, perTenant) {
      const rows = await db.query<TicketRow>("select * from mailfleet.claim_answering($1, $2, $3)", [
        workerId,
        limit,
        perTenant,
      ]);
      return rows.map((row) => ({
        inboundUid: row.inbound_uid,
        tenantId: row.tenant_id,
        mailboxUid: row.mailbox_uid,
        workerId,
        fence: row.fence,
        tries: row.tries,
        crashes: row.crashes,
        dueAt: row.due_at,
        lookedAt: row.looked_at,
        approved: row.approved,
      }));
    },

    async load({ inboundUid }) {
      const [row] = await db.query<Omit<LoadedInbound, "content"> & Pick<ContentRow, "bytes" | "blob_key">>(
        `select i.uid, i.message_id as "messageId", i.flags, i.arrived_at as "arrivedAt", i.received_at as "receivedAt",
           i.size_bytes as "sizeBytes", i.run, i.draft, i.blob_key, c.bytes
         from mailfleet.inbound i left join mailfleet.inbound_contents c on c.inbound_uid = i.uid where i.uid = $1`,
        [inboundUid],
      );
      if (!row) return undefined;
      const { bytes, blob_key, ...inbound } = row;
      const stored = contentOf(blobs, { size_bytes: inbound.sizeBytes, bytes, blob_key });
      return { ...inbound, ...(stored && { content: await readWhole(stored) }) };
    },

    postpone: (ticket, { afterMs, failed, ...findings }) =>
      db.transaction(async (tx) => {
        const back = await tx.query(
          `update mailfleet.answering a set state = 'ready', worker = null, tries = a.tries + $5,
             due_at = now() + make_interval(secs => $4::float8 / 1000)
           where ${isMine} returning 1`,
          [...mine(ticket), afterMs, failed ? 1 : 0],
        );
        if (back.length === 0) return false;
        await keep(tx, ticket, { ...findings, ...(failed && failed) }, failed ? 1 : 0);
        return true;
      }),

    lookFirst: (ticket) => waitForWatcher(db, ticket, "look"),
    fetchFirst: (ticket) => waitForWatcher(db, ticket, "fetch"),

    async end(ticket, { state, reason, detail, actions = [], submission, ...findings }, also) {
      try {
        return await db.transaction(async (tx): Promise<Ended> => {
          if (submission) {
            const gate = await gateOf(tx, ticket, "for no key update of m");
            if (gate !== "open") return { kind: gate === "gone" ? "lost" : "stopped" };
          }
          if (!(await take(tx, ticket))) return { kind: "lost" };
          const told = (await also?.(tx)) ?? { reason, ...(detail !== undefined && { detail }) };
          await close(tx, ticket, { state, ...told });
          await keep(tx, ticket, findings, 0);
          await requestActions(tx, ticket, actions);
          const accepted = submission && (await acceptOne(tx, submission));
          return { kind: "ended", reason: told.reason, ...(accepted && { accountUid: accepted.accountUid }) };
        }, answerLocks);
      } catch (error) {
        if (error instanceof NotAccepted) return { kind: "not_accepted", code: error.code, detail: error.message };
        throw error;
      }
    },

    askForApproval: (ticket, findings) =>
      db.transaction(async (tx) => {
        const waits = await tx.query(
          `update mailfleet.answering a set state = 'approval', worker = null, since = now() where ${isMine} returning 1`,
          mine(ticket),
        );
        if (waits.length === 0) return false;
        await keep(tx, ticket, findings, 0);
        return true;
      }),

    async answer(ticket, answer) {
      try {
        return await db.transaction((tx) => answerIn(tx, ticket, answer), answerLocks);
      } catch (error) {
        if (error instanceof NotAccepted) return { kind: "not_accepted", code: error.code, detail: error.message };
        if (error instanceof Refusal) return error.verdict;
        throw error;
      }
    },

    async returnLapsed(limit) {
      const [row] = await db.query<{ n: number }>("select mailfleet.return_lapsed_answering($1) as n", [limit]);
      return row?.n ?? 0;
    },

    async returnUnheard(workerId, inHand, afterMs) {
      const rows = await db.query(
        `update mailfleet.answering a set state = 'ready', worker = null, due_at = now()
         where a.worker = $1 and a.state = 'claimed' and a.since < now() - make_interval(secs => $3::float8 / 1000)
           and a.inbound_uid <> all ($2::uuid[]) returning 1`,
        [workerId, inHand, afterMs],
      );
      return rows.length;
    },

    async endStuckLooks({ stuckMs, againMs, limit }) {
      const rows = await db.query(
        `with stuck as materialized (
           select a.inbound_uid, a.approved is not null as is_approved from mailfleet.answering a
           where a.state = 'looking' and a.since < now() - make_interval(secs => $1::float8 / 1000)
           limit $3 for update skip locked
         ), told as (
           update mailfleet.inbound i set reason = 'mailbox_unreachable', detail = 'Its mailbox could not be looked at.'
           from stuck s where i.uid = s.inbound_uid and not s.is_approved
         )
         update mailfleet.answering a set state = 'ready',
           looked_at = case when s.is_approved then now() else a.looked_at end,
           due_at = case when s.is_approved then a.due_at else now() + make_interval(secs => $2::float8 / 1000) end
         from stuck s where a.inbound_uid = s.inbound_uid returning 1`,
        [stuckMs, againMs, limit],
      );
      return rows.length;
    },

    expireApprovals: (limits) => expireApprovals(db, limits),
    setStoppedAside: (limit) => setNewAside(db, limit),

    holds: async (ticket) =>
      (await db.query(`select from mailfleet.answering a where ${isMine}`, mine(ticket))).length > 0,

    async thread(mailboxUid, correspondent, messageIds, limit) {
      const rows = await db.query<{
        at: Date;
        is_ours: boolean;
        uid: string;
        draft: Draft | null;
        bytes: Buffer | null;
      }>(
        `select * from (
           select s.at, true as is_ours, s.inbound_uid as uid, i.draft, null::bytea as bytes
           from mailfleet.answers s join mailfleet.inbound i on i.uid = s.inbound_uid
           where s.mailbox_uid = $1 and s.correspondent = $2 and s.message_id = any($3)
           union all
           select i.arrived_at, false, i.uid, null, case when octet_length(c.bytes) <= ${threadContentBytes} then c.bytes end
           from mailfleet.answers s join mailfleet.inbound i on i.uid = s.inbound_uid
           left join mailfleet.inbound_contents c on c.inbound_uid = i.uid
           where s.mailbox_uid = $1 and s.correspondent = $2 and s.in_reply_to = any($3)
         ) as t order by at desc limit $4`,
        [mailboxUid, correspondent, messageIds, limit],
      );
      return rows
        .reverse()
        .map((row) =>
          row.is_ours
            ? { from: "us", at: row.at, draft: row.draft }
            : { from: "correspondent", at: row.at, inboundUid: row.uid, content: row.bytes },
        );
    },

    limitReached: (answer) => limitReached(db, answer),
    troubledTooOften: (message) => troubledTooOften(db, message),

    async mayGoOn(ticket) {
      const held = await db.query(`select from mailfleet.answering a where ${isMine}`, mine(ticket));
      if (held.length === 0) return "lost";
      const gate = await gateOf(db, ticket);
      if (gate === "gone") return "lost";
      return gate === "open" ? "yes" : "stopped";
    },

    async stoppedInHand(workerId) {
      const rows = await db.query<{ uid: string }>(
        `select a.inbound_uid as uid from mailfleet.answering a
         join mailfleet.mailboxes m on m.uid = a.mailbox_uid join mailfleet.tenants t on t.id = a.tenant_id
         where a.worker = $1 and a.state = 'claimed' and ${isClosed}`,
        [workerId],
      );
      return rows.map(({ uid }) => uid);
    },
  };
}

/** The ticket waits until its watcher has done that; what is under way already is not asked for twice. */
const waitForWatcher = (db: Database, ticket: Ticket, kind: "look" | "fetch"): Promise<boolean> =>
  db.transaction(async (tx) => {
    const waits = await tx.query(
      `update mailfleet.answering a set state = 'looking', worker = null where ${isMine} returning 1`,
      mine(ticket),
    );
    if (waits.length === 0) return false;
    const [asked] = await tx.query(
      "select from mailfleet.mailbox_actions where inbound_uid = $1 and kind = $2 and done_at is null limit 1",
      [ticket.inboundUid, kind],
    );
    if (!asked) await requestActions(tx, ticket, [{ kind }]);
    return true;
  });
