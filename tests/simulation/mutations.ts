import type { Outbox } from "../../apps/outbox-dispatch/src/outbox.ts";
import type { FunctionChange } from "./simulated-database.ts";

/** A bug that is put in on purpose, to see that the simulation would find it. */
export interface Mutation {
  readonly name: string;
  readonly outbox?: (outbox: Outbox) => Outbox;
  readonly sql?: FunctionChange;
}

/** The code as it is. */
export const unchanged: Mutation = { name: "unchanged" };

const inSql = (name: string, of: string, from: string, to: string): Mutation => ({ name, sql: { name: of, from, to } });

/** One for each promise that a line of code keeps. */
export const mutations: readonly Mutation[] = [
  { name: "offers-without-promoting", outbox: (outbox) => ({ ...outbox, promote: async () => "go" }) },
  { name: "finishes-without-a-lease", outbox: (outbox) => ({ ...outbox, holds: () => true }) },
  { name: "notifies-nobody", outbox: (outbox) => ({ ...outbox, record: (record) => outbox.record(record) }) },
  {
    name: "retries-what-is-to-be-held",
    outbox: (outbox) => ({
      ...outbox,
      record: (record, compose) =>
        outbox.record(
          record.next.kind === "hold" ? { ...record, next: { kind: "retry", delayMs: 500 } } : record,
          compose,
        ),
    }),
  },
  {
    name: "forgets-a-failure",
    outbox: (outbox) => ({
      ...outbox,
      record: async (record, compose) => {
        if (record.outcome !== "transient_error") await outbox.record(record, compose);
      },
    }),
  },
  inSql("records-for-others", "record", "and i.worker + 0 = r.w and i.attempt + 1 = r.n", ""),
  inSql("gives-nothing-back", "record", "from gone g where g.x = 'back'", "from gone g where false"),
  inSql("drops-late-results", "record_late", "if had = p_outcome or p_outcome = 'in_doubt' then", "if true then"),
  inSql("settles-beside-a-ticket", "record_late", "delete from mailfleet.held where delivery_uid = p_delivery;", ""),
  inSql("forgets-a-late-success", "record", "case when i.settled then 'done' else r.x end as x", "r.x"),
  inSql("reaps-nobody", "reap_workers", "where w.lease_until < now()", "where false"),
  inSql("forgets-doubt", "reap_workers", "and i.state = 'c' returning i.*", "returning i.*"),
  inSql("claims-after-its-lapse", "round", "where w.id = p_worker and w.lapsed_at is null for key share", ""),
  inSql("keeps-lanes-of-lost-answers", "release_asked", "and ask = p_ask", "and false"),
  inSql(
    "leases-one-lane-too-many",
    "lease_lane",
    "generate_series(1, account.max_connections)",
    "generate_series(1, account.max_connections + 1)",
  ),
  inSql(
    "leases-a-lane-in-use",
    "lease_lane",
    "l.account_uid = p_account and l.slot = g.s)",
    "l.account_uid = p_account and l.slot = g.s and l.fence % 4 > 0)",
  ),
  inSql("counts-no-tokens", "take_token", "if used_up_until is not null then", "if false then"),
  inSql("accepts-an-id-twice", "accept", "exists (select from keyed k where k.message_uid = i.uid)", "true"),
  inSql("finds-nothing-idle", "idle_accounts_with_mail", "limit p_limit", "limit 0"),
  inSql("leaves-retries-lying", "move_due", "q.due_at <= now()", "q.due_at <= now() - interval '1 day'"),
  inSql("sends-for-the-suspended", "promote", "when t.state <> 'active' then 'paused'", ""),
  inSql("sends-to-the-suppressed", "promote", "when t.has_suppressions", "when false"),
  inSql("sends-what-has-expired", "promote", "when i.expires_at <= now() then 'expired'", ""),
];
