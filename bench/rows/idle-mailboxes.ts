/** Row 10: what a watched mailbox costs while nothing arrives, and how soon all are followed again after their server restarts. */
import type { MailboxSettings } from "@mailfleet/mail";
import { type PrivateDovecot, privateDovecot } from "@mailfleet/testkit";
import type { Lab } from "../lab.ts";
import { startProgram } from "../parts/child.ts";
import type { CpuGroup } from "../parts/cpu.ts";
import { pidListening } from "../parts/listener.ts";
import { allFollowed, clearMailboxes, comesTrue, databaseNow, watchInboxes } from "../parts/mailboxes.ts";
import { availableBytes, settledMemory, tellsMemory } from "../parts/memory.ts";
import { openWindow, type Window } from "../parts/window.ts";
import type { ToldMemory } from "../programs/tell-memory.ts";

export interface IdleMailboxes {
  readonly mailboxes: number;
  /** A setting of the fleet's; the server is a small one. */
  readonly loginsPerSecond: number;
  readonly plain: Idle;
  readonly tls: Idle;
  /** What a TLS socket of Node's that idles costs with nothing above it, for comparison. */
  readonly bytesPerBareTlsSocket: number;
}

/** One process of imap-watch, with connections of one kind. */
export interface Idle {
  readonly none: ToldMemory;
  readonly all: ToldMemory;
  /** Resident memory of all mailboxes, per mailbox. */
  readonly bytesPerMailbox: number;
  /** From the first mailbox to the last, logged in and searched. */
  readonly firstFollowedSeconds: number;
  /** From the server's first greeting to the last mailbox that is followed again. Counts mailboxes, not messages. */
  readonly followedAgainSeconds: number;
  readonly followingAgain: Window;
}

export interface Skipped {
  readonly skipped: string;
}

/** What Dovecot, PostgreSQL and the watcher need for each mailbox, generously. */
const neededBytesPerMailbox = 1_500_000;
const loginsPerSecond = 50;
const [fewSockets, manySockets] = [20, 320];
/** Dovecot's login processes go on carrying each TLS connection; one alone comes near its limit of memory with 1,400. */
const roomForTls = "service imap-login {\n  process_min_avail = 4\n  vsz_limit = 1G\n}";
const followWithinMs = 300_000;
/** Before anything is asked: the first timers have run by then. */
const restMs = 5_000;

export async function idleMailboxes(lab: Lab, mailboxes: number): Promise<IdleMailboxes | Skipped> {
  const available = availableBytes();
  if (available < mailboxes * neededBytesPerMailbox) {
    const [has, needs] = [available, mailboxes * neededBytesPerMailbox].map((bytes) => (bytes / 1e9).toFixed(1));
    return { skipped: `${mailboxes} mailboxes need ${needs} GB of memory, and ${has} GB are free` };
  }
  const users = Array.from({ length: mailboxes }, (_, n) => `user${n}@bench.example`);
  await using dovecot = await privateDovecot(users, { maxConnections: mailboxes + 100, settings: roomForTls });
  const plain = await idle(lab, dovecot, users, {});
  const tls = await idle(lab, dovecot, users, {
    port: dovecot.imapsPort,
    security: "tls",
    caPem: dovecot.caPem,
  });
  const few = await bareSockets(dovecot, users.slice(0, fewSockets));
  const many = await bareSockets(dovecot, users.slice(0, manySockets));
  const bytesPerBareTlsSocket = (many.residentBytes - few.residentBytes) / (manySockets - fewSockets);
  return { mailboxes, loginsPerSecond, plain, tls, bytesPerBareTlsSocket };
}

async function bareSockets(dovecot: PrivateDovecot, users: readonly string[]): Promise<ToldMemory> {
  const options = { port: dovecot.imapsPort, caPem: dovecot.caPem, pass: dovecot.password, users };
  await using sockets = startProgram("bench/programs/bare-sockets.ts", options, tellsMemory);
  await sockets.report(followWithinMs);
  return await settledMemory(sockets);
}

async function idle(
  lab: Lab,
  dovecot: PrivateDovecot,
  users: readonly string[],
  changes: Partial<MailboxSettings>,
): Promise<Idle> {
  await clearMailboxes(lab);
  await using watcher = lab.startWatch({ MAILFLEET_WATCH_LOGINS_PER_SECOND: String(loginsPerSecond) }, tellsMemory);
  await comesTrue(lab, "imap-watch", "the watcher owns all shards", () => ownsAll(lab, 1), 30_000);
  await pause(restMs);
  const none = await settledMemory(watcher);

  const began = await databaseNow(lab);
  const begunAt = performance.now();
  await watchInboxes(lab, dovecot, users, changes);
  await allFollowed(lab, began, followWithinMs);
  const firstFollowedSeconds = secondsSince(begunAt);
  await pause(restMs);
  const all = await settledMemory(watcher);

  await dovecot.stop();
  const stopped = await databaseNow(lab);
  await dovecot.start();
  const startedAt = performance.now();
  const groups: CpuGroup[] = [
    { name: "watch", pids: [watcher.pid], withChildren: false },
    ...lab.servers,
    { name: "dovecot", pids: [pidListening(dovecot.imapPort)], withChildren: true },
  ];
  let followed = 0;
  const close = await openWindow({ count: () => followed, groups, fleet: lab });
  await allFollowed(lab, stopped, followWithinMs);
  const followedAgainSeconds = secondsSince(startedAt);
  followed = users.length;
  const bytesPerMailbox = (all.residentBytes - none.residentBytes) / users.length;
  return { none, all, bytesPerMailbox, firstFollowedSeconds, followedAgainSeconds, followingAgain: await close() };
}

/** Whether so many living watchers share all shards between them, none with a surplus. */
export async function ownsAll({ db }: Lab, watchers: number): Promise<boolean> {
  const rows = await db.query<{ shards: number }>(
    `select count(s.shard)::int as shards from mailfleet.workers w left join mailfleet.shards s on s.worker = w.id
     where w.app = 'imap-watch' and w.lapsed_at is null and w.lease_until > now() group by w.id`,
  );
  return rows.length === watchers && rows.every(({ shards }) => shards === 256 / watchers);
}

const secondsSince = (moment: number) => (performance.now() - moment) / 1_000;
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
