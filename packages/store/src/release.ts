import { logCommand } from "./command-log.ts";
import type { Tx } from "./database.ts";
import { newEnd } from "./resend.ts";
import { tally } from "./tally.ts";

/** `retry`: send it after all, perhaps again; `markSent`: the recipient has it; `cancel`: it shall not be sent. */
export type ReleaseAction = "retry" | "markSent" | "cancel";

export type Released =
  | { readonly kind: "released"; readonly accountUid: number; readonly mayBeSent: boolean }
  | { readonly kind: "not_found" }
  /** (409) */
  | { readonly kind: "refused"; readonly code: "not_held"; readonly detail: string };

const reasons = { retry: "released", markSent: "marked as sent", cancel: "cancelled" } as const;

/** Whoever deletes the ticket decides, so two decisions about one delivery cannot both happen. */
export async function release(
  tx: Tx,
  tenantId: string,
  id: string,
  action: ReleaseAction,
  actor: string,
): Promise<Released> {
  // A person has looked at it: it may take its process down once more, alone, before it is held again.
  const [held] = await tx.query<{ account_uid: number; reason: string }>(
    `with gone as (
       delete from mailfleet.held where tenant_id = $1 and delivery_uid = $2 returning *
     ), returned as (
       insert into mailfleet.ready
         (delivery_uid, message_uid, tenant_id, account_uid, key_id, priority, attempt, crashes, expires_at, band)
       select g.delivery_uid, g.message_uid, g.tenant_id, g.account_uid, g.key_id, g.priority, g.attempt, least(g.crashes, 2),
         ${newEnd}, case when g.crashes >= 2 then 4 else g.priority end
       from gone g join mailfleet.messages m on m.tenant_id = g.tenant_id and m.uid = g.message_uid
       join mailfleet.accounts a on a.uid = g.account_uid
       where $3 = 'retry'
     ) select account_uid, reason from gone`,
    [tenantId, id, action],
  );
  if (!held) {
    const found = await tx.query("select from mailfleet.deliveries where tenant_id = $1 and uid = $2", [tenantId, id]);
    if (found.length === 0) return { kind: "not_found" };
    return { kind: "refused", code: "not_held", detail: "Only a held delivery can be released." };
  }

  await tx.query(
    `update mailfleet.deliveries set last_reason = $3, state = case $4 when 'markSent' then 'sent'
       when 'cancel' then 'cancelled' else state end, ended_at = case when $4 <> 'retry' then now() end
     where tenant_id = $1 and uid = $2`,
    [tenantId, id, `${reasons[action]} by ${actor}`, action],
  );
  const detail = { action, heldReason: held.reason };
  await logCommand(tx, { actor, tenantId, command: "delivery.release", target: id, detail });
  if (action !== "retry") await tally(tx, tenantId, action === "markSent" ? "sent" : "cancelled", 1);
  return { kind: "released", accountUid: held.account_uid, mayBeSent: action === "retry" };
}
