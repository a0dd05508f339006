/** Mailboxes on a Dovecot of one's own, and how far they are followed. */
import type { MailboxSettings } from "@mailfleet/mail";
import type { PrivateDovecot } from "@mailfleet/testkit";
import { type Lab, tenantId } from "../lab.ts";

/** Empties the way in, so that a row finds nothing of the one before it. */
export async function clearMailboxes({ db }: Lab): Promise<void> {
  await db.query(
    `truncate mailfleet.mailboxes, mailfleet.mailbox_actions, mailfleet.answering, mailfleet.answers, mailfleet.inbound,
       mailfleet.inbound_contents, mailfleet.fingerprints cascade`,
  );
}

const puttingAtOnce = 8;

/** Has each user's INBOX watched, over plain IMAP where `changes` say nothing else. */
export async function watchInboxes(
  { store }: Lab,
  dovecot: PrivateDovecot,
  users: readonly string[],
  changes: Partial<MailboxSettings> = {},
): Promise<void> {
  const left = [...users.entries()];
  const putSome = async () => {
    for (let next = left.pop(); next; next = left.pop()) {
      const [n, user] = next;
      const settings = { ...settingsFor(dovecot, user), ...changes };
      const { kind } = await store.mailboxes.put(tenantId, `box-${n}`, settings, { pass: dovecot.password });
      if (kind !== "put") throw new Error(kind);
    }
  };
  await Promise.all(Array.from({ length: puttingAtOnce }, putSome));
}

const settingsFor = (dovecot: PrivateDovecot, user: string): MailboxSettings => ({
  host: dovecot.host,
  port: dovecot.imapPort,
  security: "none",
  allowClearTextAuth: true,
  auth: { kind: "password", user },
  folder: "INBOX",
  mode: "idle",
  pollIntervalMs: 60_000,
  take: "unseen",
  role: "notify",
  maxAgeMs: 259_200_000,
  recordsReturnPath: true,
  authservIds: [],
  ownAddresses: [],
});

const lookEveryMs = 20;

/** Resolves once `condition` holds; rejects after `withinMs` with what `app` has logged. */
export async function comesTrue(
  lab: Lab,
  app: string,
  what: string,
  condition: () => Promise<boolean>,
  withinMs: number,
): Promise<void> {
  for (const until = performance.now() + withinMs; !(await condition()); ) {
    if (performance.now() > until) {
      throw new Error(`${what}: not within ${withinMs} ms; ${app} said:\n${await lab.said(app)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
  }
}

/**
 * Resolves once all mailboxes are followed, by whoever owns them, and were found complete after `since`; only those whose
 * owner is new since `takenSince`, where that is given.
 */
export async function allFollowed(
  lab: Lab,
  since: Date,
  withinMs: number,
  { takenSince = new Date(0) }: { readonly takenSince?: Date } = {},
): Promise<void> {
  const isFollowed = async () => {
    const [row] = await lab.db.query<{ left: number }>(
      `select count(*)::int as left from mailfleet.mailbox_positions p join mailfleet.shards s on s.shard = p.shard
       where s.since > $2 and (p.state = 'following' and p.complete_at > $1) is not true`,
      [since, takenSince],
    );
    return row?.left === 0;
  };
  await comesTrue(lab, "imap-watch", "all mailboxes are followed", isFollowed, withinMs);
}

/** The database's clock. */
export async function databaseNow({ db }: Lab): Promise<Date> {
  const [row] = await db.query<{ now: Date }>("select clock_timestamp() as now");
  if (!row) throw new Error("no time");
  return row.now;
}
