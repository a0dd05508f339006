import type { Database } from "./database.ts";

/** Mailboxes are shared out in this many parts. */
export const shardCount = 256;

/** A shard of the caller's, with the fence under which it may write. */
export interface OwnedShard {
  readonly shard: number;
  readonly fence: number;
  /** `surplus`: let go of its mailboxes, then `release` it. `taken_over`: its owner's lease had lapsed. */
  readonly verdict: "kept" | "surplus" | "taken" | "taken_over";
}

/** A mailbox of an owned shard, as far as its owner must know it to follow it. */
export interface WatchedMailbox {
  readonly mailboxUid: number;
  readonly tenantId: string;
  readonly shard: number;
  readonly revision: number;
  readonly isTenantActive: boolean;
  /** The tenant has asked for a look at the past, or to go on after a pause, since its owner last began. */
  readonly isAsked: boolean;
  /** Some are due, and it is followed: they wait where nobody can do them. */
  readonly hasActions: boolean;
}

export interface MailboxPage {
  readonly afterUid: number;
  readonly limit: number;
}

export interface Shards {
  /** One tick: what is the worker's now. Takes at most `take` that are free, up to its fair share among those that live. */
  share(workerId: number, take: number): Promise<readonly OwnedShard[]>;
  /** Gives shards back; others may take them at once. */
  release(workerId: number, shards: readonly number[]): Promise<void>;
  /** The mailboxes of these shards, at most `limit`, after `afterUid` in the order of their uids. */
  mailboxes(shards: readonly number[], page: MailboxPage): Promise<readonly WatchedMailbox[]>;
  /** Those of them that ask for something that can be done now: changed since `sinceMs` ago, asked, or with actions due. */
  news(shards: readonly number[], sinceMs: number, page: MailboxPage): Promise<readonly WatchedMailbox[]>;
}

const select = `select p.mailbox_uid as "mailboxUid", p.tenant_id as "tenantId", p.shard, m.revision, t.state = 'active' as "isTenantActive",
    p.asked <> p.taken as "isAsked",
    p.state = 'following' and exists (select from mailfleet.mailbox_actions x
      where x.mailbox_uid = p.mailbox_uid and x.done_at is null and x.due_at <= now()) as "hasActions"
  from mailfleet.mailbox_positions p
  join mailfleet.mailboxes m on m.uid = p.mailbox_uid
  join mailfleet.tenants t on t.id = p.tenant_id`;

export function openShards(db: Database): Shards {
  return {
    share: (workerId, take) =>
      db.query<OwnedShard>("select shard, fence, verdict from mailfleet.share_shards($1, $2)", [workerId, take]),

    async release(workerId, shards) {
      await db.query("update mailfleet.shards set worker = null where worker = $1 and shard = any($2)", [
        workerId,
        shards,
      ]);
    },

    mailboxes: (shards, { afterUid, limit }) =>
      db.query<WatchedMailbox>(
        `${select} where p.shard = any($1) and p.mailbox_uid > $2 order by p.mailbox_uid limit $3`,
        [shards, afterUid, limit],
      ),

    news: (shards, sinceMs, { afterUid, limit }) =>
      db.query<WatchedMailbox>(
        `${select} join mailfleet.mailbox_news($1, now() - make_interval(secs => $2), $3, $4) as n on n = p.mailbox_uid
         order by p.mailbox_uid`,
        [shards, sinceMs / 1_000, afterUid, limit],
      ),
  };
}
