import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openStore } from "./store.ts";
import { hop, openRig, type Rig } from "./testing/rig.ts";

let rig: Rig;
beforeAll(async () => {
  rig = await openRig();
});
afterAll(() => rig[Symbol.asyncDispose]());

const withPassword = { ...hop, auth: { kind: "password", user: "u" } } as const;
let tenants = 0;
const newTenant = async () => {
  const id = `t${++tenants}`;
  await rig.store.tenants.put(id, {});
  return id;
};
const put = async (tenant: string, id: string, ...rest: [settings?: object, secrets?: object]) => {
  const result = await rig.store.accounts.put(tenant, id, { ...hop, ...rest[0] }, rest[1]);
  if (result.kind !== "put") throw new Error(result.kind);
  return result;
};
const block = (uid: number) =>
  rig.store.db.query("select mailfleet.block_account($1, 0, 3600000, '4.4.1', 'connection refused')", [uid]);

test("a tenant's first account is its default, and the oldest takes over where it goes", async () => {
  const tenant = await newTenant();
  const { accounts } = rig.store;
  await put(tenant, "b");
  await put(tenant, "a");
  await put(tenant, "c");
  expect((await accounts.list(tenant, {})).items.map((one) => [one.id, one.isDefault])).toEqual([
    ["a", false],
    ["b", true],
    ["c", false],
  ]);
  expect((await accounts.resolve(tenant))?.id).toBe("b");
  expect(await accounts.delete(tenant, "b")).toEqual({ kind: "deleted" });
  expect((await accounts.resolve(tenant))?.id).toBe("a");
  expect(await accounts.resolve(tenant, "b")).toBeUndefined();
});

test("accounts that are made at once leave one default", async () => {
  const tenant = await newTenant();
  await Promise.all(["a", "b", "c", "d"].map((id) => put(tenant, id)));
  const { items } = await rig.store.accounts.list(tenant, {});
  expect(items.filter((one) => one.isDefault)).toHaveLength(1);
});

test("secrets are stored sealed, opened for sending only, and never shown", async () => {
  const tenant = await newTenant();
  const { account } = await put(tenant, "a", withPassword, { pass: "hunter2" });
  expect(account.secretsPresent.pass).toBe(true);
  const shown = [await rig.store.accounts.get(tenant, "a"), await rig.store.accounts.list(tenant, {})];
  expect(JSON.stringify(shown)).not.toContain("hunter2");
  const [row] = await rig.store.db.query<{ found: boolean }>(
    "select position('hunter2'::bytea in secrets) > 0 or settings::text like '%hunter2%' as found from mailfleet.accounts where uid = $1",
    [account.uid],
  );
  expect(row?.found).toBe(false);
  expect((await rig.store.accounts.openForSending(account.uid))?.secrets).toEqual({ pass: "hunter2" });
});

test("an omitted secret survives a PUT, and null clears it", async () => {
  const tenant = await newTenant();
  const { accounts } = rig.store;
  const { account } = await put(tenant, "a", withPassword, { pass: "hunter2" });
  await put(tenant, "a", { ...withPassword, maxConnections: 2 });
  expect(await accounts.openForSending(account.uid)).toMatchObject({ secrets: { pass: "hunter2" }, revision: 2 });
  await put(tenant, "a", withPassword, { pass: null });
  expect((await accounts.openForSending(account.uid))?.secrets).toEqual({});
});

test("another process sends under a new revision as soon as it knows of it", async () => {
  const tenant = await newTenant();
  const { account } = await put(tenant, "a");
  await using other = openStore({ databaseUrl: rig.databaseUrl, poolSize: 1, secretKeys: [rig.secretKey] });
  expect((await other.accounts.openForSending(account.uid))?.settings.host).toBe("127.0.0.1");
  const { account: changed } = await put(tenant, "a", { host: "127.0.0.2" });
  expect((await other.accounts.openForSending(account.uid, changed.revision))?.settings.host).toBe("127.0.0.2");
});

test("a repaired account is tried at once", async () => {
  const tenant = await newTenant();
  const { account } = await put(tenant, "a");
  await block(account.uid);
  expect(await rig.store.accounts.get(tenant, "a")).toMatchObject({
    blockReason: "connection refused",
    blockStatus: "4.4.1",
  });
  const { account: repaired } = await put(tenant, "a");
  expect(repaired).toMatchObject({ blockedUntil: null, blockReason: null, blockStatus: null });
});

test("limits reach the account's queue key and those of its recipient domains", async () => {
  const tenant = await newTenant();
  const { accounts, db } = rig.store;
  const limits = { perHour: 100, perDomain: { "example.org": { perMinute: 5 }, "*": { perMinute: 1 } } };
  const { account } = await put(tenant, "a", { limits });
  const keys = [
    await accounts.keyIdFor(account.uid),
    await accounts.keyIdFor(account.uid, "example.org"),
    await accounts.keyIdFor(account.uid, "elsewhere.test"),
  ];
  const read = () =>
    db.query(
      "select domain, per_minute as m, per_hour as h from mailfleet.queue_keys where account_uid = $1 order by id",
      [account.uid],
    );
  expect(new Set(keys).size).toBe(3);
  expect(await read()).toEqual([
    { domain: null, m: null, h: 100 },
    { domain: "example.org", m: 5, h: null },
    { domain: "elsewhere.test", m: 1, h: null },
  ]);
  await put(tenant, "a", { limits: { perMinute: 7, perDomain: { "*": { perHour: 9 } } } });
  expect(await read()).toEqual([
    { domain: null, m: 7, h: null },
    { domain: "example.org", m: null, h: 9 },
    { domain: "elsewhere.test", m: null, h: 9 },
  ]);
});

test("without limits on domains, all of them share the account's queue key", async () => {
  const tenant = await newTenant();
  const { account } = await put(tenant, "a", { limits: { perHour: 5 } });
  const { accounts } = rig.store;
  expect(await accounts.keyIdFor(account.uid, "example.org")).toBe(await accounts.keyIdFor(account.uid));
  expect(await accounts.keyIdFor(999_999)).toBeUndefined();
});

test("an account with unfinished mail is not deleted, wherever that mail waits", async () => {
  const tenant = await newTenant();
  const { accounts } = rig.store;
  const uid = await rig.account(tenant, "a");
  const refused = { kind: "refused", code: "unfinished_mail" };
  const { deliveries } = await rig.submit(tenant);
  expect(await accounts.delete(tenant, "a"), "ready").toMatchObject(refused);
  const [id] = await rig.claim(uid);
  expect(await accounts.delete(tenant, "a"), "claimed").toMatchObject(refused);
  const next = { kind: "retry", delayMs: 3_600_000 } as const;
  await rig.record(id as string, { tenantId: tenant, outcome: "transient_error", next });
  expect(await accounts.delete(tenant, "a"), "later").toMatchObject(refused);
  await rig.store.messages.cancel(
    tenant,
    (await rig.store.deliveries.get(tenant, deliveries[0]?.uid as string))?.message as string,
  );
  expect(await accounts.delete(tenant, "a"), "ended").toEqual({ kind: "deleted" });
  expect(await accounts.delete(tenant, "a")).toEqual({ kind: "not_found" });
});

test("an account of no tenant is not made", async () => {
  expect(await rig.store.accounts.put("nobody", "a", hop)).toEqual({ kind: "tenant_not_found" });
});

test("after a rotation, resealing moves every account to the first key, and the old one may go", async () => {
  const tenant = await newTenant();
  const { account } = await put(tenant, "a", withPassword, { pass: "hunter2" });
  const fresh = randomBytes(32).toString("base64");
  const open = (secretKeys: string[]) => openStore({ databaseUrl: rig.databaseUrl, poolSize: 1, secretKeys });
  {
    await using unprepared = open([fresh]);
    await expect(unprepared.accounts.openForSending(account.uid)).rejects.toMatchObject({ code: "unknown_secret_key" });
    await expect(unprepared.reseal()).rejects.toMatchObject({ code: "unknown_secret_key" });
  }
  {
    await using rotating = open([fresh, rig.secretKey]);
    expect(await rotating.reseal()).toBeGreaterThan(0);
    expect(await rotating.reseal()).toBe(0);
  }
  await using rotated = open([fresh]);
  expect((await rotated.accounts.openForSending(account.uid))?.secrets).toEqual({ pass: "hunter2" });
});
