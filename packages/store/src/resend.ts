import { defaultRetryPolicy, domainOf, newId } from "@mailfleet/mail";
import type { Tx } from "./database.ts";
import { type Delivery, selectDeliveries } from "./delivery-row.ts";
import { ensureQueueKey } from "./queue-keys.ts";

export type Resent =
  | { readonly kind: "resent"; readonly delivery: Delivery; readonly accountUid: number }
  | { readonly kind: "not_found" }
  | {
      readonly kind: "refused";
      /** All 409. */
      readonly code:
        | "not_ended"
        | "already_sent"
        | "already_resent" // Its resend is the one that counts now, however that ended.
        | "content_gone" // Retention has removed the message's content.
        | "account_gone";
      readonly detail: string;
    };

interface Ended {
  state: string;
  message_uid: string;
  account_uid: number;
  recipient: string;
  repeated: boolean;
  has_content: boolean;
  has_account: boolean;
}

/**
 * When a delivery is given up that somebody wants sent now: whoever decides so after the message's own end wants it all
 * the same, and the account's time to give up begins anew.
 */
export const newEnd = `least(case when m.expires_at > now() then m.expires_at end,
  now() + make_interval(secs => coalesce((a.settings #>> '{retry,giveUpAfterMs}')::float8, ${defaultRetryPolicy.giveUpAfterMs}) / 1000))`;

/**
 * The ended delivery stays as it is, on record; its row is the lock that keeps resends apart. Each is resent once, and then
 * its resend is, so that a message has at most one delivery for a recipient under way.
 */
export async function resend(tx: Tx, tenantId: string, id: string): Promise<Resent> {
  const found = await tx.query("select from mailfleet.deliveries where tenant_id = $1 and uid = $2 for no key update", [
    tenantId,
    id,
  ]);
  if (found.length === 0) return { kind: "not_found" };
  const [ended] = await tx.query<Ended>(
    `select d.state, d.message_uid, d.account_uid, d.recipient,
       exists (select from mailfleet.deliveries r where r.message_uid = d.message_uid and r.resend_of = d.uid) as repeated,
       m.blob_key is not null or exists (select from mailfleet.contents c where c.message_uid = d.message_uid) as has_content,
       exists (select from mailfleet.accounts a where a.uid = d.account_uid) as has_account
     from mailfleet.deliveries d
     left join mailfleet.messages m on m.tenant_id = d.tenant_id and m.uid = d.message_uid
     where d.tenant_id = $1 and d.uid = $2`,
    [tenantId, id],
  );
  const refusal = refuse(ended as Ended);
  if (refusal) return refusal;

  const { account_uid, recipient } = ended as Ended;
  await tx.query("select from mailfleet.accounts where uid = $1 for key share", [account_uid]);
  const key = await ensureQueueKey(tx, account_uid, domainOf(recipient));
  if (key === undefined) return refuse({ ...(ended as Ended), has_account: false }) as Resent;
  const uid = newId();
  await tx.query(
    `with made as (
       insert into mailfleet.deliveries (uid, tenant_id, message_uid, account_uid, recipient, recipient_key, position, notify, orcpt, resend_of)
       select $3, tenant_id, message_uid, account_uid, recipient, recipient_key, position, notify, orcpt, uid
       from mailfleet.deliveries where tenant_id = $1 and uid = $2
       returning *
     )
     insert into mailfleet.ready (delivery_uid, message_uid, tenant_id, account_uid, key_id, priority, expires_at, band)
     select d.uid, d.message_uid, d.tenant_id, d.account_uid, $4, m.priority,
       ${newEnd}, m.priority
     from made d join mailfleet.messages m on m.tenant_id = d.tenant_id and m.uid = d.message_uid
     join mailfleet.accounts a on a.uid = d.account_uid`,
    [tenantId, id, uid, key],
  );
  const [delivery] = await tx.query<Delivery>(`${selectDeliveries} where d.tenant_id = $1 and d.uid = $2`, [
    tenantId,
    uid,
  ]);
  return { kind: "resent", delivery: delivery as Delivery, accountUid: account_uid };
}

function refuse({ state, repeated, has_content, has_account }: Ended): Resent | undefined {
  const refused = (code: Extract<Resent, { kind: "refused" }>["code"], detail: string): Resent => ({
    kind: "refused",
    code,
    detail,
  });
  if (state === "open") return refused("not_ended", "The delivery has not ended.");
  if (state === "sent") return refused("already_sent", "The delivery was sent.");
  if (repeated)
    return refused("already_resent", "The delivery was resent before; if that one ended unsent, resend that one.");
  if (!has_content) return refused("content_gone", "The message's content is not kept any more.");
  if (!has_account) return refused("account_gone", "The delivery's account was deleted.");
  return undefined;
}
