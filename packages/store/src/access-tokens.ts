import type { Database } from "./database.ts";
import type { SecretKeys } from "./seal.ts";
import { credentialSql } from "./secret-destination.ts";

/** Whose credential it is. All of a tenant's mailboxes, or accounts, that log in alike at one server share its token. */
export type TokenOwner = { readonly mailboxUid: number } | { readonly accountUid: number };

export interface FreshToken {
  readonly accessToken: string;
  readonly expiresInSeconds: number;
}

/** One credential's access token, shared by the fleet. */
export type TokenClaim =
  | { readonly kind: "token"; readonly accessToken: string }
  /** The caller refreshes it now; others wait until it has, or until `refreshMs` have passed. */
  | { readonly kind: "refresh" }
  /** Another process is at it. */
  | { readonly kind: "wait"; readonly ms: number };

export interface AccessTokens {
  /**
   * A token that lasts for another minute: the fleet's, or the one that `refresh` gives where this process is the one that
   * shall ask for it. A new refresh token is for `refresh` to store, with its credential. What `refresh` gives in place of
   * a token is passed on, and the next one who asks tries again. `too_long` where another process has been at it for longer
   * than `tokenWaitMs`, or `signal` aborts.
   */
  obtain<G extends ({ readonly kind: "token" } & FreshToken) | { readonly kind: "refused" | "unreachable" }>(
    owner: TokenOwner,
    workerId: number,
    refresh: () => Promise<G>,
    signal?: AbortSignal,
  ): Promise<
    | { readonly kind: "token"; readonly accessToken: string; readonly isCached: boolean }
    | { readonly kind: "too_long" }
    | Exclude<G, { readonly kind: "token" }>
  >;
  /** A token that lasts for another minute, or who gets a new one. */
  claim(owner: TokenOwner, workerId: number): Promise<TokenClaim>;
  /** Stores what a refresh gave, unless another process has taken the refresh over. */
  store(owner: TokenOwner, workerId: number, token: FreshToken): Promise<void>;
  /** Gives up the refresh, or a token that the server refused: the next one who asks gets a new one. */
  forget(owner: TokenOwner): Promise<void>;
}

/** How long the token of another process's refresh is waited for. */
const tokenWaitMs = 30_000;

const refreshMs = 60_000;
const marginSeconds = 60;

/** The table of what logs in, and its row there. */
const holderOf = (owner: TokenOwner): readonly [table: "mailboxes" | "accounts", uid: number] =>
  "mailboxUid" in owner ? ["mailboxes", owner.mailboxUid] : ["accounts", owner.accountUid];

const isOf = (table: "mailboxes" | "accounts") =>
  `(k.tenant_id, k.credential) = (select h.tenant_id, ${credentialSql} from mailfleet.${table} h where h.uid = $1)`;
const isGood = "k.token is not null and k.expires_at > now() + make_interval(secs => $4)";
const isTaken = "k.refreshing_until > now()";

export function openAccessTokens(db: Database, keys: SecretKeys): AccessTokens {
  const context = "access token";
  const tokens: AccessTokens = {
    async obtain(owner, workerId, refresh, signal) {
      for (const until = performance.now() + tokenWaitMs; ; ) {
        const claim = await tokens.claim(owner, workerId);
        if (claim.kind === "token") return { ...claim, isCached: true };
        if (claim.kind === "refresh") break;
        if (signal?.aborted || performance.now() > until) return { kind: "too_long" };
        await new Promise((resolve) => setTimeout(resolve, Math.min(Math.max(claim.ms, 50), 250)));
      }
      const given = await refresh().catch(async (error: unknown) => {
        await tokens.forget(owner);
        throw error;
      });
      if (given.kind === "token") {
        await tokens.store(owner, workerId, given);
        return { kind: "token", accessToken: given.accessToken, isCached: false };
      }
      await tokens.forget(owner);
      return given as Exclude<typeof given, { readonly kind: "token" }>;
    },

    async claim(owner, workerId) {
      const [table, uid] = holderOf(owner);
      const [row] = await db.query<{
        is_mine: boolean;
        token: Buffer | null;
        token_key_id: string | null;
        wait_ms: number;
      }>(
        `insert into mailfleet.access_tokens as k (tenant_id, credential, refreshing_worker, refreshing_until)
         select h.tenant_id, ${credentialSql}, $2, now() + make_interval(secs => $3) from mailfleet.${table} h where h.uid = $1
         on conflict (tenant_id, credential) do update set
           refreshing_worker = case when ${isGood} or ${isTaken} then k.refreshing_worker else $2 end,
           refreshing_until = case when ${isGood} or ${isTaken} then k.refreshing_until else now() + make_interval(secs => $3) end
         returning k.refreshing_worker = $2 and k.refreshing_until = now() + make_interval(secs => $3) as is_mine,
           case when ${isGood} then k.token end as token, k.token_key_id,
           coalesce(extract(epoch from (k.refreshing_until - now())) * 1000, 0)::float8 as wait_ms`,
        [uid, workerId, refreshMs / 1_000, marginSeconds],
      );
      if (row?.token && row.token_key_id !== null) {
        const opened = keys.open({ bytes: row.token, keyId: row.token_key_id }, context);
        return { kind: "token", accessToken: opened.toString("utf8") };
      }
      return row?.is_mine ? { kind: "refresh" } : { kind: "wait", ms: Math.min(Math.max(row?.wait_ms ?? 0, 0), 1_000) };
    },

    async store(owner, workerId, { accessToken, expiresInSeconds }) {
      const [table, uid] = holderOf(owner);
      const sealed = keys.seal(accessToken, context);
      await db.query(
        `update mailfleet.access_tokens k set token = $3, token_key_id = $4, expires_at = now() + make_interval(secs => $5),
           refreshing_worker = null, refreshing_until = null
         where ${isOf(table)} and refreshing_worker = $2`,
        [uid, workerId, sealed.bytes, sealed.keyId, expiresInSeconds],
      );
    },

    async forget(owner) {
      const [table, uid] = holderOf(owner);
      await db.query(`delete from mailfleet.access_tokens k where ${isOf(table)}`, [uid]);
    },
  };
  return tokens;
}
