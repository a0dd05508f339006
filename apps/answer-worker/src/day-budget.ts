import type { ModelBudget } from "@mailfleet/answer";
import type { AnswererSettings } from "@mailfleet/mail";
import type { ModelCaps, OpenedMailbox, Store } from "@mailfleet/store";

/** What a mailbox's model may use today, counted in SQL for the whole fleet. */
export function dayBudget(
  store: Pick<Store, "modelBudget">,
  { tenantId, uid }: Pick<OpenedMailbox, "tenantId" | "uid">,
  settings: AnswererSettings,
  { onUsed, nowMs }: { readonly onUsed: (tokens: number) => void; readonly nowMs: () => number },
): ModelBudget {
  const caps: ModelCaps = settings.kind === "model" ? settings : {};
  // A call that goes on past midnight is booked where it was reserved.
  let day: string | undefined;
  return {
    reserve(use) {
      day = new Date(nowMs()).toISOString().slice(0, 10);
      return store.modelBudget.reserve(tenantId, uid, use, caps, day);
    },
    async spent(reserved, used) {
      onUsed(used.tokens);
      const difference = { tokens: used.tokens - reserved.tokens, cost: used.cost - reserved.cost };
      await store.modelBudget.spend(tenantId, uid, difference, day);
    },
  };
}
