import type { Database, Sql } from "./database.ts";
import type { Ownership } from "./following.ts";

/** What is to be done in a mailbox. Everything may be done twice. */
export type MailboxAction =
  | { readonly kind: "flags"; readonly add: readonly string[] }
  | { readonly kind: "move"; readonly to: string }
  /** Unless a message with this Message-ID lies there. `\Sent` and `\Drafts` are the folders with that use (RFC 6154). */
  | {
      readonly kind: "append";
      readonly folder: string;
      readonly flags: readonly string[];
      readonly messageId: string;
      readonly bytes: Uint8Array;
    }
  /** Looks whether a person was faster: flags, and a reply in Sent; then the message is ready to be worked on. */
  | { readonly kind: "look" }
  /** Reads the content, which was not kept when the message was recorded; then the message is ready to be worked on. */
  | { readonly kind: "fetch" };

/** An action that is due, with the message that it is about and where that lies. */
export interface DueAction {
  readonly id: number;
  readonly action: MailboxAction;
  readonly tries: number;
  readonly inbound?: {
    readonly uid: string;
    readonly messageId: string | null;
    readonly folder: string;
    readonly uidValidity: number;
    readonly imapUid: number;
    /** That was before the mailbox's host, user or folder was changed: what lies there now is another message. */
    readonly isElsewhere: boolean;
  };
}

export type ActionOutcome =
  | { readonly kind: "done" }
  /** `flags` as they are now, and whether a reply lies in Sent. */
  | {
      readonly kind: "looked";
      readonly flags: readonly string[];
      readonly isReplied: boolean;
      readonly isGone: boolean;
    }
  /** Without `content` it lies in the blob store, under the message's uid. */
  | { readonly kind: "fetched"; readonly sizeBytes: number; readonly content?: Uint8Array }
  /** It cannot be done, now or ever: the message is gone, the folder refuses. */
  | { readonly kind: "given_up"; readonly trouble: string }
  | { readonly kind: "again"; readonly afterMs: number; readonly trouble: string };

export interface MailboxActions {
  /** In the order in which they were asked for. */
  due(mailboxUid: number, limit: number): Promise<readonly DueAction[]>;
  /** False where the fence is gone: another owner does it, or did. */
  settle(owner: Ownership, id: number, outcome: ActionOutcome): Promise<boolean>;
}

interface ActionRow {
  id: number;
  kind: MailboxAction["kind"];
  detail: Record<string, unknown>;
  bytes: Buffer | null;
  tries: number;
  inbound_uid: string | null;
  message_id: string | null;
  folder: string | null;
  uid_validity: number | null;
  imap_uid: number | null;
  is_elsewhere: boolean | null;
}

export function openMailboxActions(db: Database): MailboxActions {
  return {
    async due(mailboxUid, limit) {
      const rows = await db.query<ActionRow>(
        `select x.id, x.kind, x.detail, x.bytes, x.tries, x.inbound_uid, i.message_id, i.folder, i.uid_validity, i.imap_uid,
           i.epoch <> p.epoch as is_elsewhere
         from mailfleet.mailbox_actions x join mailfleet.mailbox_positions p on p.mailbox_uid = x.mailbox_uid
         left join mailfleet.inbound i on i.uid = x.inbound_uid
         where x.mailbox_uid = $1 and x.done_at is null and x.due_at <= now() order by x.id limit $2`,
        [mailboxUid, limit],
      );
      return rows.map((row) => ({
        id: row.id,
        tries: row.tries,
        action: { kind: row.kind, ...row.detail, ...(row.bytes && { bytes: row.bytes }) } as MailboxAction,
        ...(row.inbound_uid !== null && {
          inbound: {
            uid: row.inbound_uid,
            messageId: row.message_id,
            folder: row.folder ?? "",
            uidValidity: row.uid_validity ?? 0,
            imapUid: row.imap_uid ?? 0,
            isElsewhere: row.is_elsewhere ?? false,
          },
        }),
      }));
    },

    settle: (owner, id, outcome) =>
      db.transaction(async (tx) => {
        const owned = await tx.query(
          "update mailfleet.mailbox_positions set fence = fence where mailbox_uid = $1 and fence = $2 returning 1",
          [owner.mailboxUid, owner.fence],
        );
        if (owned.length === 0) return false;
        const isOver = outcome.kind !== "again";
        const [row] = await tx.query<{ inbound_uid: string | null; kind: string }>(
          `update mailfleet.mailbox_actions set tries = tries + 1, trouble = $3, done_at = case when $4 then now() end,
             given_up = $5, bytes = case when $4 then null else bytes end,
             due_at = now() + make_interval(secs => $6::float8 / 1000)
           where id = $1 and mailbox_uid = $2 and done_at is null returning inbound_uid, kind`,
          [
            id,
            owner.mailboxUid,
            "trouble" in outcome ? outcome.trouble : null,
            isOver,
            outcome.kind === "given_up",
            outcome.kind === "again" ? outcome.afterMs : 0,
          ],
        );
        if (outcome.kind === "again" && row?.inbound_uid) {
          // What was asked for about the same message since waits with it, so that all is done in its order.
          await tx.query(
            `update mailfleet.mailbox_actions x set due_at = greatest(x.due_at, y.due_at) from mailfleet.mailbox_actions y
             where y.id = $1 and x.inbound_uid = y.inbound_uid and x.id > y.id and x.done_at is null`,
            [id],
          );
        }
        if (row && isOver && row.inbound_uid !== null) {
          if (row.kind === "look") await endLook(tx, row.inbound_uid, outcome);
          if (row.kind === "fetch") await endFetch(tx, row.inbound_uid, outcome);
        }
        return true;
      }),
  };
}

/**
 * Locks the ticket, if there is one: before its message, as everybody else does, and whatever its state, so that this waits
 * for a worker that has found the action under way, and has the ticket wait for it, without its having committed yet.
 */
async function lockTicket(sql: Sql, inboundUid: string): Promise<void> {
  await sql.query("select from mailfleet.answering where inbound_uid = $1 for update", [inboundUid]);
}

/** What was seen is written with the message, and it goes back to be worked on. Who took it away has seen it. */
async function endLook(sql: Sql, inboundUid: string, outcome: ActionOutcome): Promise<void> {
  await lockTicket(sql, inboundUid);
  // Nobody knows whether a person was faster: it is not answered, unless a person has said so.
  if (outcome.kind === "given_up") {
    if (await fail(sql, inboundUid, "look_failed", outcome.trouble, { unlessApproved: true })) return;
  }
  // It keeps its place among those that wait.
  await sql.query(
    "update mailfleet.answering set state = 'ready', looked_at = now() where inbound_uid = $1 and state = 'looking'",
    [inboundUid],
  );
  if (outcome.kind === "looked") {
    const { flags, isReplied, isGone } = outcome;
    const inferred = [...(isReplied ? ["\\Answered"] : []), ...(isGone ? ["\\Seen", "\\Deleted"] : [])];
    const seen = [...new Set([...flags, ...inferred])];
    await sql.query("update mailfleet.inbound set flags = $2 where uid = $1", [inboundUid, seen]);
  }
}

/** What was read is stored, and the message goes back to be worked on: nobody has looked yet. */
async function endFetch(sql: Sql, inboundUid: string, outcome: ActionOutcome): Promise<void> {
  await lockTicket(sql, inboundUid);
  if (outcome.kind === "given_up") return void (await fail(sql, inboundUid, "content_missing", outcome.trouble));
  await sql.query("update mailfleet.answering set state = 'ready' where inbound_uid = $1 and state = 'looking'", [
    inboundUid,
  ]);
  if (outcome.kind !== "fetched") return;
  const { sizeBytes, content } = outcome;
  await sql.query(
    `update mailfleet.inbound set has_content = true, size_bytes = $2, blob_key = case when $3::boolean then uid::text end
     where uid = $1`,
    [inboundUid, sizeBytes, content === undefined],
  );
  if (content === undefined) return;
  await sql.query(
    `insert into mailfleet.inbound_contents (inbound_uid, tenant_id, bytes)
     select i.uid, i.tenant_id, $2 from mailfleet.inbound i where i.uid = $1 on conflict (inbound_uid) do nothing`,
    [inboundUid, content],
  );
}

/** Ends what waited for its watcher in vain. False: it does not wait any more, or its answer is approved, and that counts. */
async function fail(
  sql: Sql,
  inboundUid: string,
  reason: string,
  detail: string,
  { unlessApproved = false }: { readonly unlessApproved?: boolean } = {},
): Promise<boolean> {
  const gone = await sql.query(
    `delete from mailfleet.answering where inbound_uid = $1 and state = 'looking' and not ($2 and approved is not null)
     returning 1`,
    [inboundUid, unlessApproved],
  );
  if (gone.length === 0) return false;
  await sql.query(
    "update mailfleet.inbound set state = 'failed', reason = $2, detail = $3, ended_at = now() where uid = $1",
    [inboundUid, reason, detail],
  );
  return true;
}

/** Asks for actions, in the caller's transaction. */
export async function requestActions(
  sql: Sql,
  about: { readonly tenantId: string; readonly mailboxUid: number; readonly inboundUid?: string },
  actions: readonly MailboxAction[],
): Promise<void> {
  for (const action of actions) {
    const { kind, bytes, ...detail } = { bytes: undefined, ...action };
    await sql.query(
      `insert into mailfleet.mailbox_actions (tenant_id, mailbox_uid, inbound_uid, kind, detail, bytes)
       select $1, $2, $3, $4, $5, $6 where exists (select from mailfleet.mailboxes m where m.uid = $2)`,
      [about.tenantId, about.mailboxUid, about.inboundUid ?? null, kind, JSON.stringify(detail), bytes ?? null],
    );
  }
}
