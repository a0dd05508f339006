import { reply, type SubmissionPolicy, type Submitter } from "@mailfleet/delivery";
import type { Accounts, Tenants } from "@mailfleet/store";

export const policyLimits = { rememberedMs: 1_000, remembered: 10_000 } as const;

/** What a submitter may do, asked of the store once a second at most. Rejects where the store is away. */
export function policies(
  { tenants, accounts }: { readonly tenants: Pick<Tenants, "get">; readonly accounts: Pick<Accounts, "resolve"> },
  nowMs: () => number = () => performance.now(),
): (submitter: Submitter) => Promise<SubmissionPolicy> {
  const known = new Map<string, { readonly policy: Promise<SubmissionPolicy>; readonly untilMs: number }>();

  async function load({ tenantId, account }: Submitter): Promise<SubmissionPolicy> {
    const [tenant, resolved] = await Promise.all([tenants.get(tenantId), accounts.resolve(tenantId, account)]);
    if (tenant?.state !== "active") {
      return { kind: "may_not_submit", reply: reply(550, "5.7.1", "The tenant is suspended") };
    }
    if (!resolved) {
      const what = account === undefined ? "The tenant has no default account" : `There is no account "${account}"`;
      return { kind: "may_not_submit", reply: reply(550, "5.7.1", what) };
    }
    const lists = [tenant.settings.allowedSenders, resolved.settings.allowedSenders];
    return { kind: "may_submit", senderLists: lists.filter((list) => list !== undefined) };
  }

  return (submitter) => {
    const key = `${submitter.tenantId}/${submitter.account ?? ""}`;
    const found = known.get(key);
    if (found && nowMs() < found.untilMs) return found.policy;
    const policy = load(submitter);
    known.delete(key);
    known.set(key, { policy, untilMs: nowMs() + policyLimits.rememberedMs });
    const oldest = known.keys().next();
    if (known.size > policyLimits.remembered && !oldest.done) known.delete(oldest.value);
    policy.catch(() => known.delete(key)); // Trouble is not remembered.
    return policy;
  };
}
