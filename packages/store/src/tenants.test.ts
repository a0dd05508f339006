import { afterAll, beforeAll, expect, test } from "vitest";
import { openRig, type Rig } from "./testing/rig.ts";

let rig: Rig;
beforeAll(async () => {
  rig = await openRig();
});
afterAll(() => rig[Symbol.asyncDispose]());

const stateOf = async (tenant: string, id: string | undefined) =>
  (await rig.store.deliveries.get(tenant, id as string))?.state;

test("putting a tenant again replaces its settings and keeps its state", async () => {
  const { tenants } = rig.store;
  expect((await tenants.put("a", {})).created).toBe(true);
  await tenants.suspend("a");
  const { created, tenant } = await tenants.put("a", { allowedSenders: ["@example.com"] });
  expect({ created, state: tenant.state, settings: tenant.settings }).toEqual({
    created: false,
    state: "suspended",
    settings: { allowedSenders: ["@example.com"] },
  });
});

test("tenants are listed in the order of their ids, each once, page by page", async () => {
  for (const id of ["p3", "p1", "p2"]) await rig.store.tenants.put(id, {});
  const seen: string[] = [];
  for (let cursor: string | undefined; ; ) {
    const page = await rig.store.tenants.list({ limit: 2, ...(cursor && { cursor }) });
    seen.push(...page.items.map(({ id }) => id));
    cursor = page.nextCursor;
    if (cursor === undefined) break;
  }
  expect(seen).toEqual([...new Set(seen)].sort());
  expect(seen).toEqual(expect.arrayContaining(["p1", "p2", "p3"]));
});

test("a suspended tenant's mail stays where it is, and activating names the accounts to wake", async () => {
  const uid = await rig.account("s");
  const { deliveries } = await rig.submit("s");
  await rig.store.tenants.suspend("s");
  expect(await rig.claim(uid)).toEqual([]);
  expect(await stateOf("s", deliveries[0]?.uid)).toBe("pending");
  expect(await rig.store.tenants.activate("s")).toMatchObject({ tenant: { state: "active" }, accountUids: [uid] });
  expect(await rig.claim(uid)).toEqual([deliveries[0]?.uid]);
});

test("activating a batch returns what was held for it, and nothing that is held for another reason", async () => {
  const uid = await rig.account("b");
  const { tenants } = rig.store;
  await tenants.suspend("b", "spring");
  await tenants.suspend("b", "autumn");
  const ids: string[] = [];
  for (const batch of ["spring", "autumn", "spring"])
    ids.push((await rig.submit("b", { batch })).deliveries[0]?.uid as string);
  const [spring, autumn, doubtful] = ids as [string, string, string];
  await rig.claim(uid);
  expect(await rig.promote(spring)).toBe("suspended");
  const suspended = { tenantId: "b", outcome: undefined, next: { kind: "hold", reason: "suspended" } } as never;
  await rig.record(spring, suspended);
  await rig.record(autumn, suspended);
  await rig.record(doubtful, { tenantId: "b", outcome: "in_doubt", next: { kind: "hold", reason: "in_doubt" } });

  const change = await tenants.activate("b", "spring");
  expect(change).toMatchObject({ tenant: { suspendedBatches: ["autumn"] }, accountUids: [uid] });
  expect(await rig.claim(uid)).toEqual([spring]);
  expect(await rig.promote(spring)).toBe("go");
  expect(await Promise.all([autumn, doubtful].map((id) => stateOf("b", id)))).toEqual(["held", "held"]);
  await tenants.activate("b", "autumn");
  expect(await rig.claim(uid)).toEqual([autumn]);
});

test("what a suspended batch holds stays held while its tenant is suspended as a whole", async () => {
  const uid = await rig.account("w");
  const { tenants } = rig.store;
  await tenants.suspend("w", "x");
  const { deliveries } = await rig.submit("w", { batch: "x" });
  const id = deliveries[0]?.uid as string;
  await rig.claim(uid);
  await rig.record(id, { tenantId: "w", outcome: undefined, next: { kind: "hold", reason: "suspended" } } as never);
  await tenants.suspend("w");
  expect(await tenants.activate("w", "x")).toMatchObject({ accountUids: [] });
  expect(await stateOf("w", id)).toBe("held");
  expect(await tenants.activate("w")).toMatchObject({ accountUids: [uid] });
  expect(await rig.claim(uid)).toEqual([id]);
});

test("a tenant with unfinished mail is not deleted", async () => {
  await rig.account("u");
  const { id } = await rig.submit("u");
  expect(await rig.store.tenants.delete("u")).toMatchObject({ kind: "refused", code: "unfinished_mail" });
  await rig.store.messages.cancel("u", id);
  expect(await rig.store.tenants.delete("u")).toEqual({ kind: "deleted" });
  expect(await rig.store.tenants.delete("u")).toEqual({ kind: "not_found" });
});

test("a tenant that is made anew under a deleted one's id finds nothing of it", async () => {
  const uid = await rig.account("n");
  const { store } = rig;
  const { id } = await rig.submit("n", { id: "order-1" });
  const [delivery] = await rig.claim(uid);
  await rig.record(delivery as string, { tenantId: "n", outcome: "permanent_error", next: { kind: "dead_letter" } });
  await store.commandLog.add({ actor: "x", tenantId: "n", command: "y", target: null, detail: {} });
  expect(await store.tenants.delete("n")).toEqual({ kind: "deleted" });
  await store.tenants.put("n", {});
  expect(await store.messages.get("n", id)).toBeUndefined();
  expect((await store.deliveries.deadLetters("n", {})).items).toEqual([]);
  expect((await store.commandLog.list("n", {})).items).toEqual([]);
  expect((await store.commandLog.list(undefined, {})).items).toContainEqual(
    expect.objectContaining({ actor: "x", tenantId: null, detail: { deletedTenant: "n" } }),
  );
  expect((await store.stats("n")).deliveries.dead_lettered).toBe(0);
  await rig.account("n");
  expect((await rig.submit("n", { id: "order-1" })).duplicate).toBe(false);
});
