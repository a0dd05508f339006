import { epochMs } from "../simulated-database.ts";
import type { Errands } from "./errands.ts";
import { asNobody, type World } from "./world.ts";

/** What operators and tenants do through the API, by the store's own functions. Each draws whom it befalls. */
export interface People {
  /** Flips a kill switch of a mailbox, a tenant or the fleet for a while. */
  stop(): Promise<void>;
  suspend(): Promise<void>;
  /** Approves or rejects what waits for a person. False: nothing does. */
  decide(): Promise<boolean>;
  requeue(): Promise<void>;
  backfill(): Promise<void>;
  /** Lifts every stop and suspension. */
  letGo(): Promise<void>;
  /** What the fleet's other workers do for it: they end those whose leases have lapsed. */
  reap(): Promise<void>;
}

export function openPeople(world: World, errands: Errands): People {
  const { random, timeline, outside, mailboxes } = world;
  const { inbound, tenants, mailboxes: store, db } = world.database.store;
  const isOver = () => !world.isTroubled;

  /** Something for a while; what is in force when all is calm, `letGo` has lifted. */
  function forAWhile(text: string, undo: () => Promise<unknown>) {
    timeline.note(`${text}`);
    const run = async () => {
      if (isOver()) return;
      await asNobody(world, undo);
      timeline.note(`over: ${text}`);
    };
    timeline.add({ actor: outside, label: "", delayMs: random.between(1_000, 10_000), run });
  }

  async function draw(where: string): Promise<{ uid: string; tenantId: string } | undefined> {
    const rows = await asNobody(world, () =>
      db.query<{ uid: string; tenantId: string }>(
        `select i.uid, i.tenant_id as "tenantId" from mailfleet.inbound i where ${where} order by i.uid`,
      ),
    );
    return rows.length > 0 ? random.pick(rows) : undefined;
  }

  return {
    async stop() {
      const { plan } = random.pick(mailboxes);
      const what = random.pick(["mailbox", "tenant", "fleet"] as const);
      if (what === "mailbox") {
        await asNobody(world, () => store.setAnswering(plan.tenantId, plan.id, true));
        return forAWhile(`${plan.tenantId}/${plan.id} is stopped`, () =>
          store.setAnswering(plan.tenantId, plan.id, false),
        );
      }
      const whose = what === "tenant" ? plan.tenantId : undefined;
      await asNobody(world, () => inbound.stopAnswering(whose, "somebody"));
      forAWhile(`${whose ?? "the fleet"} is stopped`, () => inbound.startAnswering(whose));
    },
    async suspend() {
      const { tenantId } = random.pick(mailboxes).plan;
      await asNobody(world, () => tenants.suspend(tenantId));
      forAWhile(`${tenantId} is suspended`, () => tenants.activate(tenantId));
    },
    async decide() {
      const one = await draw(
        "exists (select from mailfleet.answering a where a.inbound_uid = i.uid and a.state = 'approval')",
      );
      if (!one) return false;
      const isApproved = random.chance(0.6);
      const decision = await asNobody(world, () =>
        isApproved
          ? inbound.approve(one.tenantId, one.uid, { by: "somebody" })
          : inbound.reject(one.tenantId, one.uid, "somebody"),
      );
      timeline.note(`${world.nameUids(one.uid)} is ${isApproved ? "approved" : "rejected"}: ${decision.kind}`);
      if (isApproved) errands.wake(one.uid);
      return true;
    },
    async requeue() {
      const one = await draw("i.state in ('skipped', 'failed', 'rejected')");
      if (!one) return;
      const decision = await asNobody(world, () => inbound.requeue(one.tenantId, one.uid, "somebody"));
      timeline.note(`${world.nameUids(one.uid)} is begun anew: ${decision.kind}`);
    },
    async backfill() {
      const { plan } = random.pick(mailboxes);
      await asNobody(world, () => store.backfill(plan.tenantId, plan.id, { since: new Date(epochMs - 3_600_000) }));
      timeline.note(`${plan.tenantId}/${plan.id} is looked through again`);
    },
    async letGo() {
      await asNobody(world, () => inbound.startAnswering(undefined));
      for (const { plan } of mailboxes) {
        await asNobody(world, () => inbound.startAnswering(plan.tenantId));
        await asNobody(world, () => store.setAnswering(plan.tenantId, plan.id, false));
        await asNobody(world, () => tenants.activate(plan.tenantId));
      }
    },
    async reap() {
      await asNobody(world, () => db.query("select * from mailfleet.reap_workers(100)"));
    },
  };
}
