import { openAcceptor, openDatabase } from "@mailfleet/store";
import { privateDatabase } from "@mailfleet/testkit";
import type { Sender } from "../delivery-target.ts";
import { type OutboxTargetOptions, outboxTarget } from "../outbox-target.ts";
import type { Rig } from "./contract.ts";

export const sender: Sender = {
  reversePath: "ann@example.org",
  smtpUtf8: false,
  submitter: { tenantId: "acme" },
  hop: { from: { ehlo: "client.example", ip: "192.0.2.1" }, by: "mail.example", with: "ESMTPSA", id: "s1.1" },
};

/** The outbox target over a real database with one tenant, "acme", and its account "main". */
export async function openOutboxRig(options: Partial<OutboxTargetOptions> = {}) {
  const database = await privateDatabase();
  const db = openDatabase({ url: database.url, poolSize: 4 });
  await db.query("insert into mailfleet.tenants (id) values ('acme')");
  await db.query(`
    with account as (
      insert into mailfleet.accounts (tenant_id, id, is_default, settings) values ('acme', 'main', true, '{}')
      returning uid
    )
    insert into mailfleet.queue_keys (tenant_id, account_uid) select 'acme', uid from account`);
  const acceptor = openAcceptor(db);
  const target = outboxTarget({
    acceptor,
    policyOf: async () => ({ kind: "may_submit", senderLists: [] }),
    ...options,
  });
  return {
    target,
    sender,
    db,
    acceptor,
    kept: () =>
      db.query<{ reversePath: string; recipients: string[] }>(`
        select reverse_path as "reversePath",
          (select array_agg(recipient order by position) from mailfleet.deliveries where message_uid = m.uid) as recipients
        from mailfleet.messages m`),
    async [Symbol.asyncDispose]() {
      await acceptor[Symbol.asyncDispose]();
      await db[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
    },
  } satisfies Rig & { db: typeof db; acceptor: typeof acceptor };
}
