import type { Sql } from "./database.ts";

/** One connection slot of an account, as long as its owner's lease lasts. */
export interface Lane {
  readonly accountUid: number;
  readonly slot: number;
  readonly fence: number;
  readonly workerId: number;
  /** Consecutive failures of the account's next hop before; above 0 this lane is the probe. */
  readonly failures: number;
  /** The account's, when the lane was leased: an older one may have credentials that were mended since. */
  readonly revision: number;
}

export type LaneLease =
  | { readonly kind: "leased"; readonly lane: Lane }
  /** `full`: every slot is taken; `blocked`: nobody may send now; `gone`: there is no such account. */
  | { readonly kind: "full" | "blocked" | "gone" };

/** `ask` is the caller's own number for this call; where the answer is lost, `releaseAsked` undoes it. */
export async function leaseLane(sql: Sql, workerId: number, accountUid: number, ask: number): Promise<LaneLease> {
  const [row] = await sql.query<{ verdict: string } & Pick<Lane, "slot" | "fence" | "failures" | "revision">>(
    "select verdict, slot, fence, failures, revision from mailfleet.lease_lane($1, $2, $3)",
    [workerId, accountUid, ask],
  );
  if (row?.verdict !== "leased") return { kind: (row?.verdict ?? "gone") as "full" | "blocked" | "gone" };
  const { slot, fence, failures, revision } = row;
  return { kind: "leased", lane: { accountUid, slot, fence, workerId, failures, revision } };
}

export async function releaseLane(sql: Sql, { accountUid, slot, fence }: Lane): Promise<void> {
  await sql.query("select mailfleet.release_lane($1, $2::smallint, $3)", [accountUid, slot, fence]);
}

/** Gives back the lane that was leased by `ask`, if one was: a living worker's lanes do not lapse. */
export async function releaseAsked(sql: Sql, workerId: number, accountUid: number, ask: number): Promise<void> {
  await sql.query("select mailfleet.release_asked($1, $2, $3)", [workerId, accountUid, ask]);
}

/** Says whether this lane's trouble was the first to be told; of several lanes that failed together, one counts. */
export async function blockAccount(
  sql: Sql,
  { accountUid, failures }: Lane,
  { delayMs, status, reason }: { delayMs: number; status: string; reason: string },
): Promise<boolean> {
  const [row] = await sql.query<{ blocked: boolean }>("select mailfleet.block_account($1, $2, $3, $4, $5) as blocked", [
    accountUid,
    failures,
    Math.round(delayMs),
    status,
    reason.replaceAll("\0", "").slice(0, 1_000),
  ]);
  return row?.blocked ?? false;
}

export async function unblockAccount(sql: Sql, accountUid: number): Promise<void> {
  await sql.query("select mailfleet.unblock_account($1)", [accountUid]);
}
