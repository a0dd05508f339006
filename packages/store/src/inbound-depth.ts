import type { Database, Sql } from "./database.ts";
import type { MailboxState } from "./mailboxes.ts";
import { isClosed } from "./stopped-by.ts";

/** What waits for its answer, and how mailboxes are; of one tenant or of all. */
export interface InboundDepth {
  readonly waiting: {
    readonly pending: number;
    readonly answering: number;
    readonly awaiting_approval: number;
  };
  /** For how long the oldest that may be worked on has waited; null where there is none. What a kill switch holds does not count. */
  readonly oldestDueSeconds: number | null;
  readonly mailboxes: Readonly<Record<MailboxState, number>>;
}

const mailboxStates: readonly MailboxState[] = [
  ...["new", "connecting", "following", "unreachable", "quarantined", "paused", "suspended"],
] as MailboxState[];

export async function readInboundDepth(sql: Sql, tenantId?: string): Promise<InboundDepth> {
  const [row] = await sql.query<{
    pending: number;
    answering: number;
    approval: number;
    oldest: number | null;
    mailboxes: Record<string, number> | null;
  }>(
    `select count(*) filter (where state in ('ready', 'looking', 'stopped')) as pending,
       count(*) filter (where state = 'claimed') as answering,
       count(*) filter (where state = 'approval') as approval,
       extract(epoch from now() - min(due_at) filter (where state = 'ready' and due_at <= now() and not is_stopped))::float8 as oldest,
       (select json_object_agg(p.state, p.n) from (
          select state, count(*) as n from mailfleet.mailbox_positions where ($1::text is null or tenant_id = $1) group by state
        ) p) as mailboxes
     from (
       select a.*, ${isClosed} as is_stopped
       from mailfleet.answering a
       join mailfleet.mailboxes m on m.uid = a.mailbox_uid join mailfleet.tenants t on t.id = a.tenant_id
       where ($1::text is null or a.tenant_id = $1)
     ) as waiting`,
    [tenantId ?? null],
  );
  const { pending = 0, answering = 0, approval = 0, oldest = null, mailboxes } = row ?? {};
  return {
    waiting: { pending, answering, awaiting_approval: approval },
    oldestDueSeconds: oldest,
    mailboxes: Object.fromEntries(mailboxStates.map((state) => [state, mailboxes?.[state] ?? 0])) as Record<
      MailboxState,
      number
    >,
  };
}

/** What pools of workers are scaled on. */
export interface InboundScale {
  /** Messages that may be worked on now: none of those that a kill switch holds. */
  answers(): Promise<number>;
  /** Mailboxes that are to be followed. */
  mailboxes(): Promise<number>;
}

export function openInboundScale(db: Database): InboundScale {
  const count = async (text: string) => (await db.query<{ n: number }>(text))[0]?.n ?? 0;
  return {
    answers: () =>
      count(
        `select count(*) as n from mailfleet.answering a
         join mailfleet.tenants t on t.id = a.tenant_id join mailfleet.mailboxes m on m.uid = a.mailbox_uid
         where (a.state = 'claimed' or (a.state = 'ready' and a.due_at <= now())) and not ${isClosed}`,
      ),
    mailboxes: () =>
      count("select count(*) as n from mailfleet.mailbox_positions where state not in ('paused', 'suspended')"),
  };
}
