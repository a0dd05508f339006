/**
 * What a mailbox's kill switch holds is set aside, so that no claim has to step over it: claims look at the oldest of a
 * tenant one after the other, all of them under one lock. A claim asks the switch itself, too; what comes in while it is on
 * is therefore set aside at leisure.
 */
import type { Sql } from "./database.ts";

/** Sets aside what waits in a mailbox, in the transaction that has stopped it. */
export async function setAside(sql: Sql, mailboxUid: number): Promise<void> {
  await sql.query("update mailfleet.answering set state = 'stopped' where mailbox_uid = $1 and state = 'ready'", [
    mailboxUid,
  ]);
}

/** Lets it wait with the others again, each in its place, in the transaction that has started the mailbox. */
export async function bringBack(sql: Sql, mailboxUid: number): Promise<void> {
  await sql.query("update mailfleet.answering set state = 'ready' where mailbox_uid = $1 and state = 'stopped'", [
    mailboxUid,
  ]);
}

/** Sets aside what has come into stopped mailboxes since; at most `limit`. */
export async function setNewAside(sql: Sql, limit: number): Promise<void> {
  await sql.query(
    // Until this is committed nobody starts the mailbox, who would bring back what lay there before.
    `with new as materialized (
       select x.inbound_uid from mailfleet.mailboxes m
       join mailfleet.answering x on x.mailbox_uid = m.uid and x.state = 'ready'
       where m.answering_stopped limit $1 for update of x skip locked for share of m skip locked
     )
     update mailfleet.answering a set state = 'stopped' from new where a.inbound_uid = new.inbound_uid`,
    [limit],
  );
}
