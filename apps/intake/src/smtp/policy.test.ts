import type { Tenant } from "@mailfleet/store";
import { expect, test } from "vitest";
import { policies } from "./policy.ts";

const tenant: Tenant = {
  id: "acme",
  state: "active",
  settings: { allowedSenders: ["@example.org"] },
  suspendedBatches: [],
  createdAt: new Date(0),
  updatedAt: new Date(0),
};
const account = {
  uid: 1,
  tenantId: "acme",
  id: "main",
  hasDomainLimits: false,
  settings: { host: "h", port: 25, security: "none" as const, allowedSenders: ["ann@example.org"] },
};

test("tenant and account each bring their list of senders, and are asked for once a second", async () => {
  let asked = 0;
  let now = 0;
  const get = async () => {
    asked++;
    return tenant;
  };
  const policyOf = policies({ tenants: { get }, accounts: { resolve: async () => account } }, () => now);
  const expected = { kind: "may_submit", senderLists: [["@example.org"], ["ann@example.org"]] };
  expect(await Promise.all([policyOf({ tenantId: "acme" }), policyOf({ tenantId: "acme" })])).toEqual([
    expected,
    expected,
  ]);
  now = 999;
  await policyOf({ tenantId: "acme" });
  expect(asked).toBe(1);
  await policyOf({ tenantId: "acme", account: "main" });
  expect(asked).toBe(2);
  now = 1_000;
  await policyOf({ tenantId: "acme" });
  expect(asked).toBe(3);
});

test("trouble with the store is not remembered", async () => {
  let away = true;
  const get = async () => {
    if (away) throw new Error("connection refused");
    return tenant;
  };
  const policyOf = policies({ tenants: { get }, accounts: { resolve: async () => undefined } });
  await expect(policyOf({ tenantId: "acme" })).rejects.toThrow("connection refused");
  away = false;
  expect(await policyOf({ tenantId: "acme" })).toMatchObject({ kind: "may_not_submit", reply: { code: 550 } });
});
