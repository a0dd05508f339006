/** Row 11: how soon a killed watcher's mailboxes have an owner again, and are followed again. */
import { privateDovecot } from "@mailfleet/testkit";
import type { Lab } from "../lab.ts";
import { allFollowed, clearMailboxes, comesTrue, databaseNow, watchInboxes } from "../parts/mailboxes.ts";
import { ownsAll } from "./idle-mailboxes.ts";

export interface Takeover {
  readonly mailboxes: number;
  /** Of each round: from the kill to the last of its mailboxes that has an owner, or is followed and found complete. */
  readonly ownedSeconds: readonly number[];
  /** How many of them were the victim's. */
  readonly victims: readonly number[];
  readonly followedSeconds: readonly number[];
}

/** Few enough for every connection to have an inotify instance of its own. */
const mailboxes = 100;
const sharedWithinMs = 60_000;
const takenWithinMs = 60_000;

/** Two watchers as they are installed, by default; in each round the older one is killed, and replaced afterwards. */
export async function takeover(lab: Lab, rounds: number): Promise<Takeover> {
  const users = Array.from({ length: mailboxes }, (_, n) => `user${n}@bench.example`);
  await using dovecot = await privateDovecot(users, { maxConnections: 2 * mailboxes });
  await clearMailboxes(lab);
  await using watchers = new AsyncDisposableStack();
  const start = () => watchers.use(lab.startWatch());
  const running = [start(), start()];
  const ownedSeconds: number[] = [];
  const followedSeconds: number[] = [];
  const victims: number[] = [];
  const began = await databaseNow(lab);
  await watchInboxes(lab, dovecot, users);

  for (let round = 0; round < rounds; round++) {
    await comesTrue(lab, "imap-watch", "both share", () => ownsAll(lab, 2), sharedWithinMs);
    await allFollowed(lab, began, sharedWithinMs);
    const killed = await databaseNow(lab);
    const victim = running.shift();
    if (!victim) throw new Error("nobody watches");
    process.kill(victim.pid, "SIGKILL");
    const killedAt = performance.now();
    await comesTrue(lab, "imap-watch", "the other takes over", () => ownsAll(lab, 1), takenWithinMs);
    ownedSeconds.push((performance.now() - killedAt) / 1_000);
    victims.push(await takenSince(lab, killed));
    await allFollowed(lab, killed, takenWithinMs, { takenSince: killed });
    followedSeconds.push((performance.now() - killedAt) / 1_000);
    running.push(start());
  }
  return { mailboxes, ownedSeconds, followedSeconds, victims };
}

async function takenSince({ db }: Lab, moment: Date): Promise<number> {
  const [row] = await db.query<{ n: number }>(
    `select count(*)::int as n from mailfleet.mailbox_positions p join mailfleet.shards s on s.shard = p.shard where s.since > $1`,
    [moment],
  );
  return row?.n ?? 0;
}
