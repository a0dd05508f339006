import { type Follower, type FollowOptions, follow } from "@mailfleet/mailbox";
import type { Shards, WatchedMailbox } from "@mailfleet/store";
import { MailboxWatch, type MailboxWatchDeps } from "./mailbox-watch.ts";
import { openTurnstile } from "./turnstile.ts";

/** Mailboxes whose shard is ours, each with somebody who follows it. */
export interface FollowedMailboxes {
  /** Begins to follow what lies in these shards. */
  take(shards: readonly number[]): Promise<void>;
  /** Ends following what lies in these shards; resolves when it has ended. */
  drop(shards: readonly number[]): Promise<void>;
  /** Looks through all mailboxes of these shards: for those that came, went, or were changed unheard. */
  refresh(shards: readonly number[]): Promise<void>;
  /** Heeds what was asked for since the last look. */
  heed(shards: readonly number[]): Promise<void>;
  readonly count: number;
}

interface Followed {
  readonly shard: number;
  readonly watch: MailboxWatch;
  readonly follower: Follower;
  readonly ending: AbortController;
}

export interface FollowedMailboxesDeps extends Omit<MailboxWatchDeps, "turn"> {
  readonly shards: Pick<Shards, "mailboxes" | "news">;
  /** Under which right mailboxes of a shard may be followed; undefined where it is not ours. */
  readonly ownership: (shard: number) => { readonly workerId: number; readonly fence: number } | undefined;
  /** Time, chance and the way to servers, where they are not the usual ones. */
  readonly following?: Omit<FollowOptions, "signal">;
}

const pageSize = 1_000;
/** Changes this old are looked at again, since a commit may come later than its time says. */
const newsMs = 10_000;
/** Of the process's database connections: the rest are for leases, and for mail. */
const turnsAtOnce = 3;

export function openFollowedMailboxes(given: FollowedMailboxesDeps): FollowedMailboxes {
  const deps = { ...given, turn: openTurnstile(turnsAtOnce) };
  const followed = new Map<number, Followed>();
  /** Where more have news than are looked at in one go, the next look goes on after the last of them. */
  let heededUid = 0;

  function begin(mailbox: WatchedMailbox): void {
    const { mailboxUid, shard } = mailbox;
    const ownership = deps.ownership(shard);
    if (!ownership) return;
    const ending = new AbortController();
    const watch: MailboxWatch = new MailboxWatch(deps, { mailboxUid, ...ownership }, mailbox, {
      lost: () => ending.abort(),
      restart: () => follower.restart(),
    });
    const follower: Follower = follow(watch, { ...deps.following, signal: ending.signal });
    const one = { shard, watch, follower, ending };
    followed.set(mailboxUid, one);
    void follower.ended.then(() => {
      if (followed.get(mailboxUid) === one) followed.delete(mailboxUid);
    });
  }

  function heed(mailbox: WatchedMailbox): void {
    const one = followed.get(mailbox.mailboxUid);
    if (!one) {
      begin(mailbox);
      return;
    }
    const { watch, follower } = one;
    const isChanged = watch.revision !== mailbox.revision || watch.isTenantActive !== mailbox.isTenantActive;
    watch.revision = mailbox.revision;
    watch.isTenantActive = mailbox.isTenantActive;
    if (isChanged || (mailbox.isAsked && watch.isPaused)) follower.restart();
    else if (mailbox.isAsked || mailbox.hasActions) follower.wake();
  }

  async function end(mailboxUids: readonly number[]): Promise<void> {
    const leaving = mailboxUids.flatMap((uid) => followed.get(uid) ?? []);
    for (const uid of mailboxUids) followed.delete(uid);
    for (const { ending } of leaving) ending.abort();
    await Promise.all(leaving.map(({ follower }) => follower.ended));
  }

  async function each(shards: readonly number[], act: (mailbox: WatchedMailbox) => void): Promise<void> {
    for (let afterUid = 0; ; ) {
      const page = await deps.shards.mailboxes(shards, { afterUid, limit: pageSize });
      for (const mailbox of page) act(mailbox);
      const last = page.at(-1);
      if (!last || page.length < pageSize) return;
      afterUid = last.mailboxUid;
    }
  }

  return {
    take: (shards) => each(shards, heed),

    drop(shards) {
      const gone = new Set(shards);
      return end([...followed].flatMap(([uid, { shard }]) => (gone.has(shard) ? [uid] : [])));
    },

    async refresh(shards) {
      if (shards.length === 0) return;
      const asked = new Set(followed.keys());
      const there = new Set<number>();
      await each(shards, (mailbox) => {
        there.add(mailbox.mailboxUid);
        heed(mailbox);
      });
      await end([...asked].filter((uid) => !there.has(uid)));
    },

    async heed(shards) {
      if (shards.length === 0) return;
      const news = await deps.shards.news(shards, newsMs, { afterUid: heededUid, limit: pageSize });
      for (const mailbox of news) heed(mailbox);
      heededUid = news.length < pageSize ? 0 : (news.at(-1)?.mailboxUid ?? 0);
    },

    get count() {
      return followed.size;
    },
  };
}
