import type { Following } from "@mailfleet/store";
import type { FunctionChange } from "../simulated-database.ts";

/** A bug that is put in on purpose, to see that the simulation would find it. */
export interface Mutation {
  readonly name: string;
  /** In a function of SQL. */
  readonly sql?: FunctionChange;
  /** In a statement that processes send, alone or within a transaction. */
  readonly statement?: (text: string, isInTransaction: boolean) => string;
  /** In how a watcher writes down what it finds. */
  readonly following?: (following: Following) => Following;
  /** Between a watcher's looks for what it has missed. */
  readonly reconcileMs?: number;
  /** Puts a copy into a folder whether it is there or not. */
  readonly appendsBlindly?: boolean;
}

/** The code as it is. */
export const unchanged: Mutation = { name: "unchanged" };

const inSql = (name: string, of: string, from: string, to: string): Mutation => ({ name, sql: { name: of, from, to } });

const inStatement = (name: string, from: string, to: string): Mutation => ({
  name,
  statement: (text) => text.replace(from, () => to),
});

const inTransaction = (name: string, from: string, to: string): Mutation => ({
  name,
  statement: (text, isInTransaction) => (isInTransaction ? text.replace(from, () => to) : text),
});

const neverReconciled = Number.MAX_SAFE_INTEGER;

/** One for each promise that a line of code keeps. */
export const mutations: readonly Mutation[] = [
  inSql(
    "begins-to-follow-what-is-another's",
    "begin_following",
    `p.fence <= p_fence
    and exists (select from mailfleet.shards s where s.shard = p.shard and s.worker = p_worker and s.fence = p_fence)`,
    "true",
  ),
  inStatement(
    "records-under-any-fence",
    "where p.mailbox_uid = $1 and p.fence = $2 and",
    "where p.mailbox_uid = $1 and $2::bigint is not null and",
  ),
  inStatement(
    "settles-under-any-fence",
    "set fence = fence where mailbox_uid = $1 and fence = $2",
    "set fence = fence where mailbox_uid = $1 and $2::bigint is not null",
  ),
  inSql("takes-a-message-twice", "record_inbound", "where i.uid in (select s.inbound_uid from seen s)", "where true"),
  {
    name: "knows-every-message-of-a-renumbered-folder",
    reconcileMs: neverReconciled,
    following: (following) => ({
      ...following,
      known: async (_, fingerprints) => new Map(fingerprints.map((one) => [Buffer.from(one).toString("hex"), ""])),
    }),
  },
  { name: "never-looks-for-what-it-missed", reconcileMs: neverReconciled },
  { name: "appends-without-a-look", appendsBlindly: true },
  inStatement(
    "works-on-others'-tickets",
    "a.worker = $2 and a.fence = $3 and a.state = 'claimed'",
    "$2::bigint is not null and $3::bigint is not null",
  ),
  inStatement(
    "keeps-tickets-of-what-has-ended",
    "delete from mailfleet.answering a where",
    "update mailfleet.answering a set since = now() where",
  ),
  inSql(
    "gives-nothing-of-the-dead-back",
    "return_lapsed_answering",
    "where a.state = 'claimed' and not",
    "where false and not",
  ),
  inStatement(
    "keeps-what-it-never-heard-of",
    "where a.worker = $1 and a.state = 'claimed' and a.since",
    "where a.worker = $1 and false and a.since",
  ),
  inStatement(
    "looks-and-tells-nobody",
    "where inbound_uid = $1 and state = 'looking'",
    "where inbound_uid = $1 and state = 'looking' and false",
  ),
  inStatement("counts-no-answers", "at > now() - interval '1 day'", "at > now() + interval '1 day'"),
  inTransaction("counts-answers-too-early", "at > now() - interval '1 day'", "at > now() + interval '1 day'"),
  inTransaction("caps-no-hour", "at > now() - interval '1 hour'", "at > now() + interval '1 hour'"),
  inStatement("answers-each-copy", "and in_reply_to = $4) as again", "and in_reply_to = $4 and false) as again"),
  inTransaction(
    "answers-what-was-stopped",
    "select m.answering_stopped or exists (select from mailfleet.answering_stops s where s.tenant_id in ('', $2)) as stopped",
    "select $2::text is null as stopped",
  ),
];
