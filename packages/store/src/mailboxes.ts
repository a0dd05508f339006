import type { MailboxSecrets, MailboxSettings } from "@mailfleet/mail";
import type { Database, Sql } from "./database.ts";
import { freshCache } from "./fresh-cache.ts";
import {
  changeMailboxSecrets,
  type MailboxSecretChanges,
  type MailboxSecretName,
  type MailboxSecretsPresent,
  mailboxSecretsPresent,
  mailboxSecretsToGiveAnew,
  readMailboxSecrets,
  sealMailboxSecrets,
} from "./mailbox-secrets.ts";
import { type Page, type PageRequest, pageOf, pageSize, readCursor } from "./page.ts";
import type { SecretKeys } from "./seal.ts";
import { credentialSql } from "./secret-destination.ts";
import { type StoppedBy, stoppedByMailbox } from "./stopped-by.ts";
import { bringBack, setAside } from "./stopped-tickets.ts";
import { mailboxAt, placeOf } from "./taken-place.ts";

/** What a mailbox's owner last said of it. */
export type MailboxState =
  | "new" // Nobody has followed it yet.
  | "connecting"
  | "following"
  | "unreachable"
  | "quarantined" // Its login was refused; it is tried seldom.
  | "paused" // It waits for a person, who resumes it.
  | "suspended"; // Its tenant is.

/** A mailbox as it is shown: without its secrets, but with which of them are there, and where following stands. */
export interface Mailbox {
  readonly uid: number;
  readonly tenantId: string;
  readonly id: string;
  readonly settings: MailboxSettings;
  readonly secretsPresent: MailboxSecretsPresent;
  readonly answeringStopped: boolean;
  /** Null where nothing keeps its answers from leaving. */
  readonly stoppedBy: StoppedBy | null;
  readonly revision: number;
  readonly state: MailboxState;
  /** A stable code, and the server's own words. */
  readonly reason: string | null;
  readonly detail: string | null;
  readonly stateSince: Date;
  /** How it is followed now; a server without IDLE is polled. */
  readonly following: "idle" | "poll" | null;
  readonly capabilities: readonly string[] | null;
  readonly retryAt: Date | null;
  /** What arrived before is not taken. */
  readonly startAt: Date;
  readonly uidValidity: number | null;
  /** Every message up to this UID is recorded, or was not to be. */
  readonly watermark: number | null;
  /** The moment up to which nothing is missing. */
  readonly completeAt: Date | null;
  readonly reconciledAt: Date | null;
  /** The window of the past that was asked for last; `endedAt` is null until it has been looked through. */
  readonly backfill: Backfill | null;
  /** Messages that wait for an answer now. */
  readonly waiting: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export interface Backfill {
  readonly since: Date;
  readonly until: Date;
  readonly askedAt: Date;
  readonly endedAt: Date | null;
}

/** A mailbox as a worker uses it, secrets open. Never logged. */
export interface OpenedMailbox {
  readonly uid: number;
  readonly tenantId: string;
  readonly id: string;
  readonly revision: number;
  readonly settings: MailboxSettings;
  readonly secrets: MailboxSecrets;
}

export type MailboxPut =
  | { readonly kind: "put"; readonly created: boolean; readonly mailbox: Mailbox }
  | { readonly kind: "tenant_not_found" }
  | {
      readonly kind: "refused";
      /** `mailbox_taken`: another one answers what arrives there; see `mailboxAt`. */
      readonly code: "too_many_mailboxes" | "mailbox_taken";
      readonly detail: string;
    }
  /** These are stored, and would be sent to another place than the one that they were given for. */
  | { readonly kind: "secrets_required"; readonly names: readonly MailboxSecretName[] };

export interface Mailboxes {
  /** Makes or replaces a mailbox. Its quarantine is lifted, so that a repaired one is tried at once. */
  put(tenantId: string, id: string, settings: MailboxSettings, secrets?: MailboxSecretChanges): Promise<MailboxPut>;
  get(tenantId: string, id: string): Promise<Mailbox | undefined>;
  /** In the order of their ids. */
  list(tenantId: string, page: PageRequest): Promise<Page<Mailbox>>;
  /** What waits in it ends as `skipped: mailbox_deleted`; the mail itself stays where it is. */
  delete(tenantId: string, id: string): Promise<boolean>;
  /** The kill switch. What waits, waits on. False where there is no such mailbox. */
  setAnswering(tenantId: string, id: string, stopped: boolean): Promise<boolean>;
  /**
   * Looks through a window of the past again, down to where it begins. What ended on arrival as `before_start` or `too_old` is
   * taken up; all else that is known stays as it is.
   */
  backfill(tenantId: string, id: string, window: { readonly since: Date; readonly until?: Date }): Promise<boolean>;
  /** Goes on after a pause: what was found unknown is answered, or skipped. False where it does not wait for that. */
  resume(tenantId: string, id: string, unknown: "answer" | "skip"): Promise<boolean>;
  /**
   * Keeps the refresh token that an issuer has given instead of the one that was `used`, in every mailbox of the tenant that
   * has that one. Nobody need log in anew for it.
   */
  replaceRefreshToken(uid: number, used: string | undefined, refreshToken: string): Promise<void>;
  /**
   * What a worker needs, secrets open; at most a second old, and that revision or a later one. Infinity: what is there now.
   * Throws SealError.
   */
  open(uid: number, revision?: number): Promise<OpenedMailbox | undefined>;
}

export const mailboxLimits = { perTenant: 10_000, rememberedMs: 1_000, remembered: 10_000 } as const;

interface MailboxRow extends Omit<Mailbox, "secretsPresent" | "backfill"> {
  backfillSince: Date | null;
  backfillUntil: Date;
  backfillAskedAt: Date;
  backfillEndedAt: Date | null;
  secrets: Buffer | null;
  secretsKeyId: string | null;
}

const selectMailboxes = `select m.uid, m.tenant_id as "tenantId", m.id, m.settings, m.secrets, m.secrets_key_id as "secretsKeyId",
    m.answering_stopped as "answeringStopped", ${stoppedByMailbox} as "stoppedBy", m.revision, p.state, p.reason, p.detail, p.state_since as "stateSince", p.following,
    p.capabilities, p.retry_at as "retryAt", p.start_at as "startAt", p.uid_validity as "uidValidity", p.watermark,
    p.complete_at as "completeAt", p.reconciled_at as "reconciledAt", m.created_at as "createdAt", m.updated_at as "updatedAt",
    p.backfill_since as "backfillSince", p.backfill_until as "backfillUntil", p.backfill_asked_at as "backfillAskedAt",
    p.backfill_ended_at as "backfillEndedAt",
    (select count(*) from mailfleet.answering a where a.mailbox_uid = m.uid) as waiting
  from mailfleet.mailboxes m join mailfleet.mailbox_positions p on p.mailbox_uid = m.uid`;

export function openMailboxes(db: Database, keys: SecretKeys): Mailboxes {
  const opened = freshCache<OpenedMailbox>({
    maxAgeMs: mailboxLimits.rememberedMs,
    maxEntries: mailboxLimits.remembered,
  });
  const shown = (found: MailboxRow): Mailbox => {
    const { secrets, secretsKeyId, backfillSince, backfillUntil, backfillAskedAt, backfillEndedAt, ...row } = found;
    const until = { until: backfillUntil, askedAt: backfillAskedAt, endedAt: backfillEndedAt };
    return {
      ...row,
      backfill: backfillSince && { since: backfillSince, ...until },
      secretsPresent: mailboxSecretsPresent(readMailboxSecrets(keys, row, secrets, secretsKeyId)),
    };
  };
  const read = async (sql: Sql, tenantId: string, id: string) => {
    const [row] = await sql.query<MailboxRow>(`${selectMailboxes} where m.tenant_id = $1 and m.id = $2`, [
      tenantId,
      id,
    ]);
    return row;
  };
  /** Updates one mailbox's row or its position, and says whether there was one. */
  const change = async (tenantId: string, text: string, values: readonly unknown[]) =>
    (await db.asTenant(tenantId, (tx) => tx.query(text, values))).length > 0;

  return {
    async put(tenantId, id, settings, changes = {}) {
      const put = await db.asTenant(tenantId, async (tx): Promise<MailboxPut> => {
        const tenant = await tx.query("select from mailfleet.tenants where id = $1 for no key update", [tenantId]);
        if (tenant.length === 0) return { kind: "tenant_not_found" };
        const before = await read(tx, tenantId, id);
        if (!before) {
          const [row] = await tx.query<{ n: number }>(
            "select count(*) as n from mailfleet.mailboxes where tenant_id = $1",
            [tenantId],
          );
          if ((row?.n ?? 0) >= mailboxLimits.perTenant) {
            const detail = `A tenant has at most ${mailboxLimits.perTenant} mailboxes.`;
            return { kind: "refused", code: "too_many_mailboxes", detail };
          }
        }
        const other = await mailboxAt(tx, { tenantId, id }, settings);
        if (other !== undefined) {
          const detail = `The mailbox ${other} follows this folder, and would answer each message, too.`;
          return { kind: "refused", code: "mailbox_taken", detail };
        }
        const owner = { tenantId, id };
        const stored = before ? readMailboxSecrets(keys, owner, before.secrets, before.secretsKeyId) : {};
        const required = before ? mailboxSecretsToGiveAnew(stored, changes, before.settings, settings) : [];
        if (required.length > 0) return { kind: "secrets_required", names: required };
        const sealed = sealMailboxSecrets(keys, owner, changeMailboxSecrets(stored, changes, settings));
        const [row] = await tx.query<{ uid: number }>(
          `insert into mailfleet.mailboxes as m (tenant_id, id, settings, secrets, secrets_key_id, place) values ($1, $2, $3, $4, $5, $6)
           on conflict (tenant_id, id) do update set settings = excluded.settings, place = excluded.place, secrets = excluded.secrets,
             secrets_key_id = excluded.secrets_key_id, revision = m.revision + 1, updated_at = now()
           returning uid`,
          [tenantId, id, JSON.stringify(settings), sealed?.bytes ?? null, sealed?.keyId ?? null, placeOf(settings)],
        );
        if (changes.refreshToken !== undefined || changes.clientSecret !== undefined) await forgetToken(tx, row?.uid);
        await tx.query(
          `insert into mailfleet.mailbox_positions as p (mailbox_uid, tenant_id, shard, start_at)
           values ($1::bigint, $2, $1::bigint % 256, coalesce($3::timestamptz, now()))
           on conflict (mailbox_uid) do update set retry_at = null,
             -- Elsewhere lies what nobody has taken; to answer all of it, somebody must say so.
             start_at = coalesce($3::timestamptz, case when $4::boolean then now() else p.start_at end),
             state = case when $4::boolean or p.state in ('quarantined', 'unreachable') then 'new' else p.state end,
             state_since = case when $4::boolean or p.state in ('quarantined', 'unreachable') then now() else p.state_since end,
             epoch = p.epoch + case when $4::boolean then 1 else 0 end,
             complete_at = case when $4::boolean then null else p.complete_at end,
             reconciled_at = case when $4::boolean then null else p.reconciled_at end,
             -- Another folder, or another server, has other UIDs and mod-sequences.
             modseq = case when $4::boolean then null else p.modseq end,
             uid_validity = case when $4::boolean then null else p.uid_validity end,
             watermark = case when $4::boolean then null else p.watermark end`,
          [
            row?.uid,
            tenantId,
            settings.startAt ?? null,
            before !== undefined && isElsewhere(before.settings, settings),
          ],
        );
        return { kind: "put", created: !before, mailbox: shown((await read(tx, tenantId, id)) as MailboxRow) };
      });
      if (put.kind === "put") opened.forget(String(put.mailbox.uid));
      return put;
    },

    async get(tenantId, id) {
      const row = await db.asTenant(tenantId, (tx) => read(tx, tenantId, id));
      return row && shown(row);
    },

    async list(tenantId, page) {
      const rows = await db.asTenant(tenantId, (tx) =>
        tx.query<MailboxRow>(
          `${selectMailboxes} where m.tenant_id = $1 and ($2::text is null or m.id > $2) order by m.id limit $3`,
          [tenantId, readCursor(page, "text") ?? null, pageSize(page) + 1],
        ),
      );
      return pageOf(rows, pageSize(page), (row) => row.id, shown);
    },

    delete: (tenantId, id) =>
      db.asTenant(tenantId, async (tx) => {
        const [gone] = await tx.query<{ uid: number }>(
          "delete from mailfleet.mailboxes where tenant_id = $1 and id = $2 returning uid",
          [tenantId, id],
        );
        if (!gone) return false;
        opened.forget(String(gone.uid));
        await tx.query("delete from mailfleet.fingerprints where mailbox_uid = $1", [gone.uid]);
        await tx.query(
          `with gone as (delete from mailfleet.answering where mailbox_uid = $1 returning inbound_uid)
           update mailfleet.inbound i set state = 'skipped', reason = 'mailbox_deleted', ended_at = now()
           from gone where i.uid = gone.inbound_uid and i.state = 'open'`,
          [gone.uid],
        );
        return true;
      }),

    setAnswering: (tenantId, id, stopped) =>
      db.asTenant(tenantId, async (tx) => {
        const [mailbox] = await tx.query<{ uid: number }>(
          "update mailfleet.mailboxes set answering_stopped = $3 where tenant_id = $1 and id = $2 returning uid",
          [tenantId, id, stopped],
        );
        if (mailbox) await (stopped ? setAside : bringBack)(tx, mailbox.uid);
        return mailbox !== undefined;
      }),

    backfill: (tenantId, id, { since, until }) =>
      change(
        tenantId,
        // One window at a time: what was asked for and is not done yet is looked through with it.
        `update mailfleet.mailbox_positions p set asked = p.asked + 1, backfill_asked_at = now(), backfill_ended_at = null,
           backfill_since = least(case when p.backfill_ended_at is null then p.backfill_since end, $3::timestamptz),
           backfill_until = greatest(case when p.backfill_ended_at is null then p.backfill_until end, coalesce($4::timestamptz, now()))
         from mailfleet.mailboxes m where m.uid = p.mailbox_uid and m.tenant_id = $1 and m.id = $2 returning 1`,
        [tenantId, id, since, until ?? null],
      ),

    resume: (tenantId, id, unknown) =>
      change(
        tenantId,
        `update mailfleet.mailbox_positions p set asked = p.asked + 1, resume = $3
         from mailfleet.mailboxes m where m.uid = p.mailbox_uid and m.tenant_id = $1 and m.id = $2 and p.state = 'paused'
         returning 1`,
        [tenantId, id, unknown],
      ),

    replaceRefreshToken: (uid, used, refreshToken) =>
      db.transaction(async (tx) => {
        const rows = await tx.query<{
          uid: number;
          tenantId: string;
          id: string;
          secrets: Buffer | null;
          keyId: string | null;
        }>(
          `select m.uid, m.tenant_id as "tenantId", m.id, m.secrets, m.secrets_key_id as "keyId" from mailfleet.mailboxes m
           where (m.tenant_id, m.settings -> 'auth') = (select o.tenant_id, o.settings -> 'auth' from mailfleet.mailboxes o where o.uid = $1)
           order by m.uid for no key update`,
          [uid],
        );
        for (const row of rows) {
          const stored = readMailboxSecrets(keys, row, row.secrets, row.keyId);
          if (stored.refreshToken !== used) continue; // A person has given another one meanwhile.
          const sealed = sealMailboxSecrets(keys, row, { ...stored, refreshToken });
          await tx.query("update mailfleet.mailboxes set secrets = $2, secrets_key_id = $3 where uid = $1", [
            row.uid,
            sealed?.bytes ?? null,
            sealed?.keyId ?? null,
          ]);
          opened.forget(String(row.uid));
        }
      }),

    async open(uid, revision) {
      const key = String(uid);
      const load = async () => {
        const [row] = await db.query<Omit<OpenedMailbox, "secrets"> & Pick<MailboxRow, "secrets" | "secretsKeyId">>(
          `select uid, tenant_id as "tenantId", id, revision, settings, secrets, secrets_key_id as "secretsKeyId"
           from mailfleet.mailboxes where uid = $1`,
          [uid],
        );
        if (!row) return undefined;
        const { secrets, secretsKeyId, ...rest } = row;
        return { ...rest, secrets: readMailboxSecrets(keys, row, secrets, secretsKeyId) };
      };
      const isToBeReadNow = revision === Number.POSITIVE_INFINITY;
      if (isToBeReadNow) opened.forget(key);
      const found = await opened.get(key, load);
      if (!found || revision === undefined || isToBeReadNow || found.revision >= revision) return found;
      opened.forget(key);
      return opened.get(key, load);
    },
  };
}

const isElsewhere = (before: MailboxSettings, after: MailboxSettings): boolean =>
  before.host !== after.host || before.auth.user !== after.auth.user || before.folder !== after.folder;

/** Another credential gives another token. */
async function forgetToken(sql: Sql, uid: number | undefined): Promise<void> {
  await sql.query(
    `delete from mailfleet.access_tokens k using mailfleet.mailboxes h
     where h.uid = $1 and (k.tenant_id, k.credential) = (h.tenant_id, ${credentialSql})`,
    [uid],
  );
}
