import type { Sql } from "./database.ts";

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
  /** Since when it may be worked on. */
  readonly dueAt: Date;
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

/**
 * How long who answers waits for a lock. A process that stands still in the middle of an answer keeps its locks until the
 * database ends its transaction, and then those of its own that wait would each have them for as long again.
 */
export const answerLocks = { lockMs: 2_000 } as const;

/** Which ticket is still its worker's, under its fence; the values are those of `mine`. */
export const isMine = "a.inbound_uid = $1 and a.worker = $2 and a.fence = $3 and a.state = 'claimed'";

export const mine = ({ inboundUid, workerId, fence }: Ticket) => [inboundUid, workerId, fence] as const;

/** Takes the ticket away. False: it is not the caller's any more. */
export async function take(sql: Sql, ticket: Ticket): Promise<boolean> {
  const gone = await sql.query(`delete from mailfleet.answering a where ${isMine} returning 1`, mine(ticket));
  return gone.length > 0;
}

/** Writes the end. */
export async function close(
  sql: Sql,
  { inboundUid }: Ticket,
  end: { readonly state: "answered" | "skipped" | "failed"; readonly reason?: string; readonly detail?: string },
): Promise<void> {
  await sql.query(
    `update mailfleet.inbound set state = $2, reason = $3, detail = $4, ended_at = now(),
       troubled_at = case when $3 = 'escalated' then now() else troubled_at end where uid = $1`,
    [inboundUid, end.state, end.reason ?? null, end.detail ?? null],
  );
}

/** Keeps what was found out; what is absent stays as it was. */
export async function keep(
  sql: Sql,
  { inboundUid }: Ticket,
  facts: Findings & { readonly reason?: string; readonly detail?: string },
  tries: number,
): Promise<void> {
  const { correspondent, draft, transcript, reason, detail } = facts;
  await sql.query(
    `update mailfleet.inbound set correspondent = coalesce($2, correspondent), draft = coalesce($3, draft),
       transcript = coalesce($4, transcript), reason = coalesce($5, reason), detail = coalesce($6, detail), tries = tries + $7,
       troubled_at = case when coalesce($3::jsonb, $4::jsonb) is not null then now() else troubled_at end
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
