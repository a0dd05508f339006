import { afterAll, beforeAll, expect, test } from "vitest";
import { apiKeyLimits } from "./api-keys.ts";
import { openStore } from "./store.ts";
import { openRig, type Rig } from "./testing/rig.ts";

let rig: Rig;
beforeAll(async () => {
  rig = await openRig();
  await rig.store.tenants.put("t", {});
});
afterAll(() => rig[Symbol.asyncDispose]());

const create = async (wanted: Parameters<Rig["store"]["apiKeys"]["create"]>[1] = { scopes: ["submit"] }) => {
  const made = await rig.store.apiKeys.create("t", wanted);
  if (made.kind !== "created") throw new Error(made.kind);
  return made;
};

test("a key opens its own tenant with its own scopes, and is stored as a digest only", async () => {
  const { key, apiKey } = await create({ scopes: ["submit", "read"], label: "app" });
  expect(key).toMatch(/^mf_[A-Za-z0-9_-]{59}$/);
  expect(await rig.store.apiKeys.authenticate(key)).toEqual({
    keyId: apiKey.id,
    tenantId: "t",
    tenantState: "active",
    scopes: ["submit", "read"],
  });
  const [row] = await rig.store.db.query<{ text: string }>(
    "select k::text as text from mailfleet.api_keys k where id = $1",
    [apiKey.id],
  );
  expect(row?.text).not.toContain(key.slice(19));
});

test.each(["", "mf_", "mf_x", `mf_${"a".repeat(59)}`, `xx_${"a".repeat(59)}`, `mf_${"a".repeat(5_000)}`, "mf_\0"])(
  "%j opens nothing",
  async (key) => {
    expect(await rig.store.apiKeys.authenticate(key)).toBeUndefined();
  },
);

test("one wrong character opens nothing", async () => {
  const { key } = await create();
  const wrong = key.slice(0, -1) + (key.endsWith("A") ? "B" : "A");
  expect(await rig.store.apiKeys.authenticate(wrong)).toBeUndefined();
});

test("an expired key opens nothing", async () => {
  const { key } = await create({ scopes: ["submit"], expiresAt: new Date(Date.now() - 1_000) });
  expect(await rig.store.apiKeys.authenticate(key)).toBeUndefined();
});

test("a deleted key opens nothing here from now on, and elsewhere after a second at most", async () => {
  const { key, apiKey } = await create();
  await using elsewhere = openStore({ databaseUrl: rig.databaseUrl, poolSize: 1, secretKeys: [rig.secretKey] });
  await rig.store.apiKeys.authenticate(key);
  await elsewhere.apiKeys.authenticate(key);
  expect(await rig.store.apiKeys.delete("t", apiKey.id)).toBe(true);
  expect(await rig.store.apiKeys.delete("t", apiKey.id)).toBe(false);
  expect(await rig.store.apiKeys.authenticate(key)).toBeUndefined();
  const deadline = performance.now() + apiKeyLimits.rememberedMs;
  await expect.poll(() => elsewhere.apiKeys.authenticate(key), { timeout: 5_000, interval: 50 }).toBeUndefined();
  expect(performance.now()).toBeLessThan(deadline + 1_500);
});

test("another tenant cannot delete a key", async () => {
  const { key, apiKey } = await create();
  await rig.store.tenants.put("u", {});
  expect(await rig.store.apiKeys.delete("u", apiKey.id)).toBe(false);
  expect(await rig.store.apiKeys.authenticate(key)).toBeDefined();
});

test("a key that must stay the same can be given, if it is long enough", async () => {
  const key = `mf_demo${"x".repeat(40)}`;
  expect((await create({ scopes: ["manage"], key })).key).toBe(key);
  expect((await rig.store.apiKeys.authenticate(key))?.scopes).toEqual(["manage"]);
  await expect(create({ scopes: ["manage"], key: "mf_short" })).rejects.toThrow(RangeError);
});

test("no key is made for a tenant that does not exist", async () => {
  expect(await rig.store.apiKeys.create("nobody", { scopes: ["read"] })).toEqual({ kind: "tenant_not_found" });
});
