import type { ModelBudget } from "@mailfleet/answer";
import type { AnswererSettings } from "@mailfleet/mail";
import type { ModelCaps, OpenedMailbox, Store } from "@mailfleet/store";

/** What a mailbox's model may use today, counted in SQL for the whole fleet. */
export function dayBudget(
  store: Pick<Store, "modelBudget">,
  { tenantId, uid }: Pick<OpenedMailbox, "tenantId" | "uid">,
  settings: AnswererSettings,
  onUsed: (tokens: number) => void,
): ModelBudget {
  const caps: ModelCaps = settings.kind === "model" ? settings : {};
  return {
    reserve: (use) => store.modelBudget.reserve(tenantId, uid, use, caps),
    async spent(reserved, used) {
      onUsed(used.tokens);
      const difference = { tokens: used.tokens - reserved.tokens, cost: used.cost - reserved.cost };
      await store.modelBudget.spend(tenantId, uid, difference);
    },
  };
}
