import type { Database, Sql } from "./database.ts";
import type { MailboxState } from "./mailboxes.ts";
import { isClosed } from "./stopped-by.ts";

/** The right to write about a mailbox: the worker that owns its shard, under the fence that it got with it. */
export interface Ownership {
  readonly mailboxUid: number;
  readonly workerId: number;
  readonly fence: number;
}

/** Where following stands; what the new owner goes on from. */
export interface Position {
  readonly tenantId: string;
  readonly state: MailboxState;
  readonly reason: string | null;
  readonly retryAt: Date | null;
  readonly startAt: Date;
  readonly uidValidity: number | null;
  readonly watermark: number | null;
  readonly modseq: string | null;
  readonly completeAt: Date | null;
  readonly reconciledAt: Date | null;
  readonly backfill: { readonly since: Date; readonly until: Date } | null;
  readonly resume: "answer" | "skip" | null;
}

/** What changes in a position; what is absent stays. */
export interface PositionChange {
  readonly state?: MailboxState;
  /** Stored with the state, and cleared with it where they are absent. */
  readonly reason?: string;
  readonly detail?: string;
  readonly following?: "idle" | "poll";
  readonly capabilities?: readonly string[];
  /** Null clears it. */
  readonly retryAt?: Date | null;
  readonly uidValidity?: number;
  readonly watermark?: number;
  readonly modseq?: string;
  /** Nothing that arrived before this moment is missing. */
  readonly completeAt?: Date;
  readonly isReconciled?: boolean;
  /** The window that was asked for has been looked through. */
  readonly backfillDone?: boolean;
  readonly resumeDone?: boolean;
}

/** A message that was found in a mailbox. */
export interface FoundMessage {
  /** A new UUIDv7. Where the content lies in the blob store, it lies under this key. */
  readonly uid: string;
  /** 32 bytes. */
  readonly fingerprint: Uint8Array;
  readonly messageId?: string;
  readonly headerFrom?: string;
  readonly subject?: string;
  readonly imapUid: number;
  readonly flags: readonly string[];
  /** INTERNALDATE. */
  readonly arrivedAt: Date;
  readonly sizeBytes: number;
  /** Absent where it ended on arrival, or lies in the blob store. */
  readonly content?: Uint8Array;
  readonly isInBlobStore?: boolean;
  /** It ends at once, as skipped. */
  readonly skip?: { readonly reason: string; readonly detail?: string };
  /** When it may be answered; now where it is absent. */
  readonly dueAt?: Date;
  /** A person asked for what arrived then: where it was recorded as `before_start` or `too_old`, it is taken up. */
  readonly isAskedFor?: boolean;
}

export type RecordVerdict =
  /** Recorded now. */
  | { readonly kind: "new"; readonly uid: string }
  /** Known: its place was noted, and it was taken up where somebody asked for it. */
  | { readonly kind: "known"; readonly uid: string };

export interface Following {
  /** Raises the mailbox's fence. Undefined: it is another's by now, or gone. */
  begin(owner: Ownership): Promise<Position | undefined>;
  /**
   * What has been asked for since, for whoever has begun. Undefined also where the settings point elsewhere by now: who
   * looks at the one place must not write about the other.
   */
  heed(owner: Ownership): Promise<Position | undefined>;
  /** False: the caller's fence is not the mailbox's any more, and nothing was written. So it is for all that follow. */
  change(owner: Ownership, change: PositionChange): Promise<boolean>;
  /**
   * Records what was found, and with it how far the mailbox is known, in one transaction. Undefined where the fence is gone.
   * Repeating it changes nothing.
   */
  record(
    owner: Ownership,
    place: { readonly folder: string; readonly uidValidity: number },
    found: readonly FoundMessage[],
    change?: PositionChange,
  ): Promise<readonly RecordVerdict[] | undefined>;
  /** Which of these are known to the mailbox. Hex of fingerprint to inbound uid. */
  known(mailboxUid: number, fingerprints: readonly Uint8Array[]): Promise<ReadonlyMap<string, string>>;
  /**
   * Under which of these UIDs nothing that is still kept was recorded, since the settings last pointed elsewhere; where a person
   * asks for them, what ended on arrival as `before_start` or `too_old` counts as nothing.
   */
  unknownUids(
    mailboxUid: number,
    place: { readonly folder: string; readonly uidValidity: number },
    imapUids: readonly number[],
    options?: { readonly isAskedFor?: boolean },
  ): Promise<readonly number[]>;
  /** Messages that may be worked on now, over all tenants; and by tenant, those that a kill switch holds too. */
  backlog(): Promise<{ readonly count: number; readonly byTenant: ReadonlyMap<string, number> }>;
  /**
   * Takes the next place in a host's line of logins; how long to wait for it, ms. Undefined where that is longer than
   * `maxWaitMs`: then no place is taken.
   */
  reserveLogin(host: string, intervalMs: number, maxWaitMs?: number): Promise<number | undefined>;
}

export const followingLimits = { messagesPerRecord: 100, contentBytesPerRecord: 32 * 1024 * 1024 } as const;

const position = `epoch, tenant_id as "tenantId", state, reason, retry_at as "retryAt", start_at as "startAt", uid_validity as "uidValidity",
  watermark, modseq, complete_at as "completeAt", reconciled_at as "reconciledAt", resume,
  case when backfill_asked_at is not null and backfill_ended_at is null then jsonb_build_object('since', backfill_since, 'until', backfill_until) end as backfill`;

export function openFollowing(db: Database): Following {
  /** Of which folder an owner has last heard: where the settings point elsewhere since, it writes nothing more. */
  const epochs = new WeakMap<Ownership, number>();
  const begin = async ({ mailboxUid, workerId, fence }: Ownership) => {
    const [row] = await db.query<Position & { epoch: number; backfill: { since: string; until: string } | null }>(
      `select ${position} from mailfleet.begin_following($1, $2, $3)`,
      [mailboxUid, workerId, fence],
    );
    if (!row) return undefined;
    const { backfill, epoch, ...found } = row;
    const window = backfill && { since: new Date(backfill.since), until: new Date(backfill.until) };
    return { epoch, position: { ...found, backfill: window } };
  };
  return {
    async begin(owner) {
      const begun = await begin(owner);
      if (begun) epochs.set(owner, begun.epoch);
      return begun?.position;
    },

    async heed(owner) {
      const begun = await begin(owner);
      return begun?.epoch === epochs.get(owner) ? begun?.position : undefined;
    },

    change: async (owner, change) => (await writePosition(db, owner, change, epochs.get(owner))) !== undefined,

    record: (owner, place, found, change = {}) =>
      db.transaction(async (tx) => {
        // First of all, and under its row's lock: from here to the commit nobody else is the mailbox's owner.
        const tenantId = await writePosition(tx, owner, change, epochs.get(owner));
        if (tenantId === undefined) return undefined;
        return found.length === 0 ? [] : insert(tx, tenantId, owner.mailboxUid, place, found);
      }),

    async known(mailboxUid, fingerprints) {
      const rows = await db.query<{ fingerprint: string; uid: string }>(
        `select encode(f.fingerprint, 'hex') as fingerprint, f.inbound_uid as uid from mailfleet.fingerprints f
         where f.mailbox_uid = $1 and f.fingerprint in (select decode(h, 'hex') from unnest($2::text[]) as h)`,
        [mailboxUid, fingerprints.map(hex)],
      );
      return new Map(rows.map(({ fingerprint, uid }) => [fingerprint, uid]));
    },

    async unknownUids(mailboxUid, { folder, uidValidity }, imapUids, { isAskedFor = false } = {}) {
      if (imapUids.length === 0) return [];
      const rows = await db.query<{ uid: number }>(
        `select u.uid from unnest($4::bigint[]) as u(uid)
         where u.uid not in (
           select i.imap_uid from mailfleet.inbound i
           join mailfleet.mailbox_positions p on p.mailbox_uid = i.mailbox_uid and p.epoch = i.epoch
           where i.mailbox_uid = $1 and i.imap_uid = any ($4) and i.folder = $2 and i.uid_validity = $3 and not (
             $5::boolean and i.state = 'skipped' and i.reason in ('before_start', 'too_old') and not i.has_content)) order by 1`,
        [mailboxUid, folder, uidValidity, imapUids, isAskedFor],
      );
      return rows.map(({ uid }) => uid);
    },

    async backlog() {
      const rows = await db.query<{ tenant_id: string; n: number; workable: number }>(
        `select a.tenant_id, count(*) as n, count(*) filter (where not ${isClosed}) as workable
         from (
           -- One index for each: what waits for a person is more than all of these, and is not looked at.
           select tenant_id, mailbox_uid from mailfleet.answering where state = 'ready' and due_at <= now()
           union all select tenant_id, mailbox_uid from mailfleet.answering where state = 'claimed'
           union all select tenant_id, mailbox_uid from mailfleet.answering where state = 'stopped' and due_at <= now()
         ) as a
         join mailfleet.tenants t on t.id = a.tenant_id join mailfleet.mailboxes m on m.uid = a.mailbox_uid
         group by a.tenant_id`,
      );
      return {
        count: rows.reduce((sum, { workable }) => sum + workable, 0),
        byTenant: new Map(rows.map((row) => [row.tenant_id, row.n])),
      };
    },

    async reserveLogin(host, intervalMs, maxWaitMs) {
      const [row] = await db.query<{ ms: number | null }>("select mailfleet.reserve_login($1, $2, $3) as ms", [
        host,
        intervalMs,
        maxWaitMs ?? null,
      ]);
      return row?.ms ?? undefined;
    },
  };
}

/** The tenant, or undefined where the fence is not the mailbox's any more. */
async function writePosition(
  sql: Sql,
  { mailboxUid, fence }: Ownership,
  change: PositionChange,
  epoch: number | undefined,
): Promise<string | undefined> {
  const [row] = await sql.query<{ tenant_id: string }>(
    `update mailfleet.mailbox_positions p set
       state_since = case when $3::text is distinct from p.state and $3::text is not null then now() else p.state_since end,
       state = coalesce($3, p.state),
       reason = case when $3::text is null then p.reason else $4 end,
       detail = case when $3::text is null then p.detail else $5 end,
       following = coalesce($6, p.following),
       capabilities = coalesce($7::text[], p.capabilities),
       retry_at = case when $8::boolean then $9::timestamptz else p.retry_at end,
       uid_validity = coalesce($10, p.uid_validity),
       watermark = coalesce($11, p.watermark),
       modseq = case when p.uid_validity <> $10 then $12 else coalesce($12, p.modseq) end,
       complete_at = greatest(p.complete_at, $13::timestamptz),
       reconciled_at = case when $14::boolean then now() when p.uid_validity <> $10 then null else p.reconciled_at end,
       backfill_ended_at = case when $15::boolean and p.asked = p.taken then now() else p.backfill_ended_at end,
       resume = case when $16::boolean and p.asked = p.taken then null else p.resume end
     where p.mailbox_uid = $1 and p.fence = $2 and p.epoch = coalesce($17::integer, p.epoch) returning p.tenant_id`,
    [
      mailboxUid,
      fence,
      change.state ?? null,
      change.reason ?? null,
      change.detail ?? null,
      change.following ?? null,
      change.capabilities ?? null,
      change.retryAt !== undefined,
      change.retryAt ?? null,
      change.uidValidity ?? null,
      change.watermark ?? null,
      change.modseq ?? null,
      change.completeAt ?? null,
      change.isReconciled ?? false,
      change.backfillDone ?? false,
      change.resumeDone ?? false,
      epoch ?? null,
    ],
  );
  return row?.tenant_id;
}

async function insert(
  sql: Sql,
  tenantId: string,
  mailboxUid: number,
  { folder, uidValidity }: { readonly folder: string; readonly uidValidity: number },
  found: readonly FoundMessage[],
): Promise<readonly RecordVerdict[]> {
  let contentAt = 0;
  const rows = found.map((one, n) => {
    const at = contentAt;
    contentAt += one.content?.byteLength ?? 0;
    return {
      n,
      uid: one.uid,
      fingerprint: hex(one.fingerprint),
      message_id: one.messageId,
      header_from: one.headerFrom,
      subject: one.subject,
      imap_uid: one.imapUid,
      flags: one.flags,
      arrived_at: one.arrivedAt.toISOString(),
      size_bytes: one.sizeBytes,
      content_at: one.content ? at : undefined,
      content_bytes: one.content?.byteLength,
      in_blob_store: one.isInBlobStore ?? false,
      skip: one.skip?.reason,
      skip_detail: one.skip?.detail,
      due_at: one.dueAt?.toISOString(),
      asked_for: one.isAskedFor ?? false,
    };
  });
  const verdicts = await sql.query<{ n: number; uid: string; is_new: boolean }>(
    "select n, uid, is_new from mailfleet.record_inbound($1, $2, $3, $4, $5, $6) order by n",
    [
      tenantId,
      mailboxUid,
      folder,
      uidValidity,
      JSON.stringify(rows),
      Buffer.concat(found.flatMap(({ content }) => (content ? [content] : []))),
    ],
  );
  return verdicts.map(({ uid, is_new }) => ({ kind: is_new ? "new" : "known", uid }));
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
