import type { Errands } from "./errands.ts";
import { directly, type World } from "./world.ts";

/** What operators and tenants do to mail under way, through the store's own functions. Each draws whom it befalls. */
export interface People {
  cancel(): Promise<void>;
  /** Suspends a tenant or a batch for a while. */
  suspend(): Promise<void>;
  suppress(): Promise<void>;
  release(): Promise<void>;
  resend(): Promise<void>;
  /** Lifts every suspension. */
  activateAll(): Promise<void>;
}

export function openPeople(world: World, errands: Errands): People {
  const { random, timeline, ledger, outside } = world;
  const { tenants, messages, deliveries, suppressions, db } = world.database.store;
  const names = (text: string) => world.nameUids(text);
  const wake = (accountUid: number) => errands.wake({ accountUid, lane: 0, express: false });

  async function activate(tenantId: string, batch?: string) {
    const changed = await directly(world, () => tenants.activate(tenantId, batch));
    timeline.note(`${tenantId} ${batch ?? ""} is active again`);
    if (changed.kind === "changed") for (const uid of changed.accountUids) wake(uid);
  }

  /** One of the deliveries that `where` selects. */
  async function draw(where: string): Promise<{ uid: string; tenantId: string } | undefined> {
    const rows = await directly(world, () =>
      db.query<{ uid: string; tenantId: string }>(
        `select d.uid, d.tenant_id as "tenantId" from mailfleet.deliveries d where ${where} order by d.uid`,
      ),
    );
    return rows.length > 0 ? random.pick(rows) : undefined;
  }

  return {
    async cancel() {
      const accepted = [...ledger.sent.values()].filter(({ uid }) => uid !== undefined);
      if (accepted.length === 0) return;
      const { submission } = random.pick(accepted);
      const { tenantId, id = "" } = submission;
      const answers = await directly(world, () => messages.cancel(tenantId, id));
      timeline.note(`${tenantId}/${id} is cancelled: ${names(JSON.stringify(answers))}`);
      for (const answer of answers ?? []) if (answer.result === "cancelled") ledger.cancelled.add(answer.id);
    },
    async suspend() {
      const { tenantId } = random.pick(world.plan.accounts);
      const batch = random.chance(0.5) ? "batch" : undefined;
      await directly(world, () => tenants.suspend(tenantId, batch));
      timeline.note(`${tenantId} ${batch ?? ""} is suspended`);
      timeline.add({
        actor: outside,
        label: "",
        delayMs: random.between(1_000, 10_000),
        run: () => activate(tenantId, batch),
      });
    },
    async suppress() {
      const { submission } = random.pick([...ledger.sent.values()]);
      const { address } = random.pick(submission.envelope.recipients);
      await directly(world, () => suppressions.put(submission.tenantId, { address, reason: "manual" }));
      timeline.note(`${address} is suppressed`);
    },
    async release() {
      const held = await draw("exists (select from mailfleet.held h where h.delivery_uid = d.uid)");
      if (!held) return;
      const action = random.pick(["retry", "markSent", "cancel"] as const);
      const released = await directly(world, () => deliveries.release(held.tenantId, held.uid, action, "somebody"));
      timeline.note(`${names(held.uid)} is released (${action}): ${released.kind}`);
      if (released.kind !== "released") return world.violate(`${held.uid} is held and cannot be released`);
      if (action === "retry") ledger.released.set(held.uid, (ledger.released.get(held.uid) ?? 0) + 1);
      if (action === "markSent") ledger.markedSent.add(held.uid);
      if (released.mayBeSent) wake(released.accountUid);
    },
    async resend() {
      const ended = await draw("d.state in ('dead_lettered', 'suppressed', 'cancelled')");
      if (!ended) return;
      const resent = await directly(world, () => deliveries.resend(ended.tenantId, ended.uid));
      timeline.note(
        `${names(ended.uid)} is resent: ${resent.kind} ${"delivery" in resent ? names(resent.delivery.id) : ""}`,
      );
      if (resent.kind === "resent") wake(resent.accountUid);
    },
    async activateAll() {
      for (const tenantId of new Set(world.plan.accounts.map((one) => one.tenantId))) {
        await activate(tenantId, "batch");
        await activate(tenantId);
      }
    },
  };
}
