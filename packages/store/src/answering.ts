import { accept, prepare } from "./accept.ts";
import type { BlobStore } from "./blob.ts";
import type { Database, Sql, Tx } from "./database.ts";
import { type MailboxAction, requestActions } from "./mailbox-actions.ts";
import type { Submission } from "./submission.ts";

/** A message in a worker's hands. */
export interface Ticket {
  readonly inboundUid: string;
  readonly tenantId: string;
  readonly mailboxUid: number;
  readonly workerId: number;
  /** Grows with every claim: what was claimed anew since is not the caller's any more. */
  readonly fence: number;
  /** Tries that have failed. */
  readonly tries: number;
  /** Times that it lay in the hands of a worker whose lease lapsed. */
  readonly crashes: number;
  /** When its watcher last looked whether a person was faster. */
  readonly lookedAt: Date;
  /** What a person has approved, perhaps edited. */
  readonly approved: ApprovedDraft | null;
}

export interface ApprovedDraft {
  readonly subject?: string;
  readonly text?: string;
  readonly html?: string;
  readonly by: string;
}

/** What came in, as a worker needs it. */
export interface LoadedInbound {
  readonly uid: string;
  readonly messageId: string | null;
  readonly flags: readonly string[];
  readonly arrivedAt: Date;
  readonly receivedAt: Date;
  readonly sizeBytes: number;
  readonly run: number;
  readonly draft: Draft | null;
  /** Absent where it lies in no store any more. */
  readonly content?: Uint8Array;
}

/** What would be sent, kept with the message. */
export interface Draft {
  readonly from: string;
  readonly to: string;
  readonly subject: string;
  readonly text?: string;
  readonly html?: string;
}

/** What an ended or waiting message keeps, besides its end. */
export interface Findings {
  /** The comparison key of the address that an answer goes to. */
  readonly correspondent?: string;
  readonly draft?: Draft;
  readonly transcript?: unknown;
}

export interface Answer extends Findings {
  readonly answerer: string;
  readonly correspondent: string;
  /** Its Message-ID, with its angle brackets, and that of what it answers. */
  readonly messageId: string;
  readonly inReplyTo?: string;
  /** The Message-IDs of the thread so far, for its depth. */
  readonly references: readonly string[];
  /** Absent where it only goes to Drafts. */
  readonly submission?: Submission;
  readonly actions: readonly MailboxAction[];
  readonly limits: AnswerLimits;
  /** Of the end; such as `draft`. */
  readonly reason?: string;
}

export interface AnswerLimits {
  readonly perCorrespondentPerDay: number;
  readonly perHour: number;
  readonly threadDepth: number;
}

/** Why one answer more would be one too many. */
export type LimitReached = "too_many_answers" | "hourly_cap" | "thread_too_deep" | "already_answered";

/** What the limits on an answer are counted by. */
export interface LimitedAnswer {
  readonly mailboxUid: number;
  readonly correspondent: string;
  /** The Message-ID that it answers. */
  readonly inReplyTo?: string | undefined;
  readonly references: readonly string[];
  readonly limits: AnswerLimits;
}

/** How a message ends that is not answered. */
export interface UnansweredEnd {
  readonly state: "skipped" | "failed";
  readonly reason: string;
  readonly detail?: string;
}

export type Ended =
  | { readonly kind: "ended"; readonly reason: string; readonly accountUid?: number }
  | { readonly kind: "lost" }
  /** The outbox did not take what was to be forwarded; nothing was written. */
  | { readonly kind: "not_accepted"; readonly code: string; readonly detail: string };

export type Answered =
  | { readonly kind: "answered"; readonly messageUid?: string; readonly accountUid?: number }
  /** It is in other hands by now, or has ended: nothing was written. */
  | { readonly kind: "lost" }
  /** A kill switch was set meanwhile: it waits on. */
  | { readonly kind: "stopped" }
  /** Nothing was written; the caller ends it so. */
  | {
      readonly kind: "refused";
      readonly reason: LimitReached | "tenant_suspended";
    }
  /** The outbox did not take it; nothing was written. */
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
}

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
  looked_at: Date;
  approved: ApprovedDraft | null;
}

const isMine = "a.inbound_uid = $1 and a.worker = $2 and a.fence = $3 and a.state = 'claimed'";
const mine = ({ inboundUid, workerId, fence }: Ticket) => [inboundUid, workerId, fence] as const;

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
        lookedAt: row.looked_at,
        approved: row.approved,
      }));
    },

    async load({ inboundUid }) {
      const [row] = await db.query<Omit<LoadedInbound, "content"> & { bytes: Buffer | null; blobKey: string | null }>(
        `select i.uid, i.message_id as "messageId", i.flags, i.arrived_at as "arrivedAt", i.received_at as "receivedAt",
           i.size_bytes as "sizeBytes", i.run, i.draft, i.blob_key as "blobKey", c.bytes
         from mailfleet.inbound i left join mailfleet.inbound_contents c on c.inbound_uid = i.uid where i.uid = $1`,
        [inboundUid],
      );
      if (!row) return undefined;
      const { bytes, blobKey, ...inbound } = row;
      const content = bytes ?? (blobKey === null ? undefined : await readBlob(blobs, blobKey));
      return { ...inbound, ...(content && { content }) };
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

    lookFirst: (ticket) =>
      db.transaction(async (tx) => {
        const looking = await tx.query(
          `update mailfleet.answering a set state = 'looking', worker = null where ${isMine} returning 1`,
          mine(ticket),
        );
        if (looking.length === 0) return false;
        await requestActions(tx, ticket, [{ kind: "look" }]);
        return true;
      }),

    async end(ticket, { state, reason, detail, actions = [], submission, ...findings }, also) {
      try {
        return await db.transaction(async (tx): Promise<Ended> => {
          if (!(await take(tx, ticket))) return { kind: "lost" };
          const told = (await also?.(tx)) ?? { reason, ...(detail !== undefined && { detail }) };
          await close(tx, ticket, { state, ...told });
          await keep(tx, ticket, findings, 0);
          await requestActions(tx, ticket, actions);
          const accepted = submission && (await acceptOne(tx, submission));
          return { kind: "ended", reason: told.reason, ...(accepted && { accountUid: accepted.accountUid }) };
        });
      } catch (error) {
        if (error instanceof NotAccepted) return { kind: "not_accepted", code: error.code, detail: error.message };
        throw error;
      }
    },

    askForApproval: (ticket, findings) =>
      db.transaction(async (tx) => {
        const waits = await tx.query(
          `update mailfleet.answering a set state = 'approval', worker = null where ${isMine} returning 1`,
          mine(ticket),
        );
        if (waits.length === 0) return false;
        await keep(tx, ticket, findings, 0);
        return true;
      }),

    async answer(ticket, answer) {
      try {
        return await db.transaction((tx) => answerIn(tx, ticket, answer));
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
           select i.arrived_at, false, i.uid, null, c.bytes
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
  };
}

/** Ends the transaction that threw it, with nothing written. */
class NotAccepted extends Error {
  readonly code: string;
  constructor(code: string, detail: string) {
    super(detail);
    this.code = code;
  }
}

class Refusal extends Error {
  readonly verdict: Answered;
  constructor(verdict: Answered) {
    super(verdict.kind);
    this.verdict = verdict;
  }
}

async function answerIn(tx: Tx, ticket: Ticket, answer: Answer): Promise<Answered> {
  const { tenantId, mailboxUid, inboundUid } = ticket;
  // One answer of a mailbox at a time, so that its limits are counted in order; and the switches are as they are now.
  const [gate] = await tx.query<{ stopped: boolean; suspended: boolean }>(
    `select m.answering_stopped or exists (select from mailfleet.answering_stops s where s.tenant_id in ('', $2)) as stopped,
       t.state <> 'active' as suspended
     from mailfleet.mailboxes m join mailfleet.tenants t on t.id = m.tenant_id where m.uid = $1 for no key update of m`,
    [mailboxUid, tenantId],
  );
  if (!gate) return { kind: "lost" };
  if (gate.suspended) return { kind: "refused", reason: "tenant_suspended" };
  if (gate.stopped) return { kind: "stopped" };
  if (!(await take(tx, ticket))) return { kind: "lost" };
  const reached = await limitReached(tx, { ...answer, mailboxUid });
  if (reached) throw new Refusal({ kind: "refused", reason: reached });

  await close(tx, ticket, { state: "answered", ...(answer.reason !== undefined && { reason: answer.reason }) });
  await keep(tx, ticket, answer, 0);
  await requestActions(tx, ticket, answer.actions);
  const accepted = answer.submission && (await acceptOne(tx, answer.submission));
  await tx.query(
    `insert into mailfleet.answers (inbound_uid, tenant_id, mailbox_uid, correspondent, in_reply_to, message_id, message_uid, answerer)
     values ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [
      inboundUid,
      tenantId,
      mailboxUid,
      answer.correspondent,
      answer.inReplyTo ?? null,
      answer.messageId,
      accepted?.uid ?? null,
      answer.answerer,
    ],
  );
  return { kind: "answered", ...(accepted && { messageUid: accepted.uid, accountUid: accepted.accountUid }) };
}

async function limitReached(sql: Sql, answer: LimitedAnswer): Promise<LimitReached | undefined> {
  const { mailboxUid, correspondent, references, inReplyTo, limits } = answer;
  const [counts] = await sql.query<{ today: number; hour: number; depth: number; again: boolean }>(
    `select
       (select count(*) from mailfleet.answers where mailbox_uid = $1 and correspondent = $2 and at > now() - interval '1 day') as today,
       (select count(*) from mailfleet.answers where mailbox_uid = $1 and at > now() - interval '1 hour') as hour,
       (select count(*) from mailfleet.answers where mailbox_uid = $1 and message_id = any($3)) as depth,
       exists (select from mailfleet.answers where mailbox_uid = $1 and correspondent = $2 and in_reply_to = $4) as again`,
    [mailboxUid, correspondent, references, inReplyTo ?? null],
  );
  const { today = 0, hour = 0, depth = 0, again = false } = counts ?? {};
  if (again) return "already_answered";
  if (today >= limits.perCorrespondentPerDay) return "too_many_answers";
  if (hour >= limits.perHour) return "hourly_cap";
  return depth >= limits.threadDepth ? "thread_too_deep" : undefined;
}

async function acceptOne(tx: Tx, submission: Submission) {
  const [accepted] = await accept(tx, [prepare(submission)]);
  if (accepted?.kind !== "accepted") throw new NotAccepted(accepted?.code ?? "none", accepted?.detail ?? "");
  return accepted;
}

/** Takes the ticket away. False: it is not the caller's any more. */
async function take(sql: Sql, ticket: Ticket): Promise<boolean> {
  const gone = await sql.query(`delete from mailfleet.answering a where ${isMine} returning 1`, mine(ticket));
  return gone.length > 0;
}

async function close(
  sql: Sql,
  { inboundUid }: Ticket,
  end: { readonly state: "answered" | "skipped" | "failed"; readonly reason?: string; readonly detail?: string },
): Promise<void> {
  await sql.query(
    "update mailfleet.inbound set state = $2, reason = $3, detail = $4, ended_at = now() where uid = $1",
    [inboundUid, end.state, end.reason ?? null, end.detail ?? null],
  );
}

async function keep(
  sql: Sql,
  { inboundUid }: Ticket,
  facts: Findings & { readonly reason?: string; readonly detail?: string },
  tries: number,
): Promise<void> {
  const { correspondent, draft, transcript, reason, detail } = facts;
  await sql.query(
    `update mailfleet.inbound set correspondent = coalesce($2, correspondent), draft = coalesce($3, draft),
       transcript = coalesce($4, transcript), reason = coalesce($5, reason), detail = coalesce($6, detail), tries = tries + $7
     where uid = $1`,
    [
      inboundUid,
      correspondent ?? null,
      draft ? JSON.stringify(draft) : null,
      transcript === undefined ? null : JSON.stringify(transcript),
      reason ?? null,
      detail ?? null,
      tries,
    ],
  );
}

async function readBlob(blobs: BlobStore | undefined, key: string): Promise<Uint8Array> {
  if (!blobs) throw new Error("the content lies in a blob store, and none is configured");
  const pieces: Uint8Array[] = [];
  for await (const piece of blobs.get(key)) pieces.push(piece);
  return Buffer.concat(pieces);
}
