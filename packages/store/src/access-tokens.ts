import type { Database } from "./database.ts";
import type { SecretKeys } from "./seal.ts";

/** One credential's access token, shared by the fleet and by every mailbox of the tenant that logs in with it. */
export type TokenClaim =
  | { readonly kind: "token"; readonly accessToken: string }
  /** The caller refreshes it now; others wait until it has, or until `refreshMs` have passed. */
  | { readonly kind: "refresh" }
  /** Another process is at it. */
  | { readonly kind: "wait"; readonly ms: number };

export interface AccessTokens {
  /** A token that lasts for another minute, or who gets a new one. */
  claim(owner: { readonly mailboxUid: number; readonly workerId: number }): Promise<TokenClaim>;
  /** Stores what a refresh gave; a new refresh token is the caller's to store with the mailbox. */
  store(
    owner: { readonly mailboxUid: number; readonly workerId: number },
    token: { readonly accessToken: string; readonly expiresInSeconds: number },
  ): Promise<void>;
  /** Gives up the refresh, or a token that the server refused: the next one who asks gets a new one. */
  forget(mailboxUid: number): Promise<void>;
}

const refreshMs = 60_000;
const marginSeconds = 60;

const ofMailbox =
  "(k.tenant_id, k.credential) = (select m.tenant_id, m.settings -> 'auth' from mailfleet.mailboxes m where m.uid = $1)";
const isGood = "k.token is not null and k.expires_at > now() + make_interval(secs => $4)";
const isTaken = "k.refreshing_until > now()";

export function openAccessTokens(db: Database, keys: SecretKeys): AccessTokens {
  const context = "access token";
  return {
    async claim({ mailboxUid, workerId }) {
      const [row] = await db.query<{
        is_mine: boolean;
        token: Buffer | null;
        token_key_id: string | null;
        wait_ms: number;
      }>(
        `insert into mailfleet.access_tokens as k (tenant_id, credential, refreshing_worker, refreshing_until)
         select m.tenant_id, m.settings -> 'auth', $2, now() + make_interval(secs => $3) from mailfleet.mailboxes m where m.uid = $1
         on conflict (tenant_id, credential) do update set
           refreshing_worker = case when ${isGood} or ${isTaken} then k.refreshing_worker else $2 end,
           refreshing_until = case when ${isGood} or ${isTaken} then k.refreshing_until else now() + make_interval(secs => $3) end
         returning k.refreshing_worker = $2 and k.refreshing_until = now() + make_interval(secs => $3) as is_mine,
           case when ${isGood} then k.token end as token, k.token_key_id,
           coalesce(extract(epoch from (k.refreshing_until - now())) * 1000, 0)::float8 as wait_ms`,
        [mailboxUid, workerId, refreshMs / 1_000, marginSeconds],
      );
      if (row?.token && row.token_key_id !== null) {
        const opened = keys.open({ bytes: row.token, keyId: row.token_key_id }, context);
        return { kind: "token", accessToken: opened.toString("utf8") };
      }
      return row?.is_mine ? { kind: "refresh" } : { kind: "wait", ms: Math.min(Math.max(row?.wait_ms ?? 0, 0), 1_000) };
    },

    async store({ mailboxUid, workerId }, { accessToken, expiresInSeconds }) {
      const sealed = keys.seal(accessToken, context);
      await db.query(
        `update mailfleet.access_tokens k set token = $3, token_key_id = $4, expires_at = now() + make_interval(secs => $5),
           refreshing_worker = null, refreshing_until = null
         where ${ofMailbox} and refreshing_worker = $2`,
        [mailboxUid, workerId, sealed.bytes, sealed.keyId, expiresInSeconds],
      );
    },

    async forget(mailboxUid) {
      await db.query(`delete from mailfleet.access_tokens k where ${ofMailbox}`, [mailboxUid]);
    },
  };
}
