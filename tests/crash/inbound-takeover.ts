import type { AppProcess } from "../fleet/app-process.ts";
import type { Fleet } from "../fleet/fleet.ts";
import { until } from "../fleet/until.ts";

/** A mailbox that somebody follows, under which fence. */
export interface FollowedMailbox {
  readonly uid: number;
  readonly fence: number;
}

/** As it said when it joined; undefined where it had not joined yet. */
export const workerOf = ({ log }: AppProcess): number | undefined =>
  log.find(({ event }) => event === "joined")?.workerId as number | undefined;

/** What a watcher that has joined follows. */
export const mailboxesOf = ({ store }: Fleet, watcher: AppProcess): Promise<readonly FollowedMailbox[]> =>
  store.db.query<FollowedMailbox>(
    `select p.mailbox_uid as uid, s.fence from mailfleet.mailbox_positions p
     join mailfleet.shards s on s.shard = p.shard where s.worker = $1`,
    [workerOf(watcher) ?? 0],
  );

/** Looks until each of them is another's, who has raised its fence; how long that took for each since then, ms. */
export async function untilTakenOver(
  fleet: Fleet,
  mailboxes: readonly FollowedMailbox[],
  sinceMs: number,
): Promise<readonly number[]> {
  const tookMs: number[] = [];
  let left = mailboxes;
  await until("a watcher's mailboxes have another owner", async () => {
    const begun = await fleet.store.db.query<{ uid: number }>(
      `select p.mailbox_uid as uid from mailfleet.mailbox_positions p
       join jsonb_to_recordset($1) as o(uid bigint, fence bigint) on o.uid = p.mailbox_uid and p.fence > o.fence`,
      [JSON.stringify(left)],
    );
    const taken = new Set(begun.map(({ uid }) => uid));
    left = left.filter(({ uid }) => !taken.has(uid));
    for (let n = 0; n < taken.size; n++) tookMs.push(performance.now() - sinceMs);
    return left.length === 0;
  });
  return tookMs;
}
