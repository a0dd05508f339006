import { afterAll, beforeAll, expect, test } from "vitest";
import { suppressionLimits } from "./suppressions.ts";
import { openRig, type Rig } from "./testing/rig.ts";

let rig: Rig;
beforeAll(async () => {
  rig = await openRig();
});
afterAll(() => rig[Symbol.asyncDispose]());

const isMarked = async (tenant: string) =>
  (
    await rig.store.db.query<{ marked: boolean }>(
      "select has_suppressions as marked from mailfleet.tenants where id = $1",
      [tenant],
    )
  )[0]?.marked;

test("a suppression is found under every spelling of its address", async () => {
  const { suppressions, tenants } = rig.store;
  await tenants.put("s", {});
  await suppressions.put("s", { address: "Ann@example.org", reason: "manual", note: "asked" });
  expect(await suppressions.get("s", "ANN@EXAMPLE.org")).toMatchObject({ address: "ann@example.org", note: "asked" });
  expect(await suppressions.get("s", "bob@example.org")).toBeUndefined();
  expect(await suppressions.put("s", { address: "ann@example.org", reason: "complaint" })).toMatchObject({
    created: false,
    suppression: { reason: "complaint", note: null },
  });
});

test("what is suppressed is not offered, from the first suppression to the last", async () => {
  const uid = await rig.account("o");
  const { suppressions } = rig.store;
  const verdict = async () => {
    await rig.submit("o", { to: ["Ann@example.org"] });
    const [id] = await rig.claim(uid);
    return rig.promote(id as string);
  };
  expect(await verdict()).toBe("go");
  await suppressions.put("o", { address: "ann@example.org", reason: "manual" });
  await suppressions.put("o", { address: "bob@example.org", reason: "manual" });
  expect(await verdict()).toBe("suppressed");
  expect(await suppressions.delete("o", "BOB@example.org")).toBe(true);
  expect(await verdict()).toBe("suppressed");
  expect(await suppressions.delete("o", "ann@example.org")).toBe(true);
  expect(await suppressions.delete("o", "ann@example.org")).toBe(false);
  expect(await isMarked("o")).toBe(false);
  expect(await verdict()).toBe("go");
});

test("changes at once leave the tenant marked if and only if it has suppressions", async () => {
  const { suppressions, tenants } = rig.store;
  await tenants.put("r", {});
  for (let round = 0; round < 10; round++) {
    await Promise.all([
      suppressions.put("r", { address: `${round}@example.org`, reason: "manual" }),
      suppressions.delete("r", `${round - 1}@example.org`),
    ]);
    expect(await isMarked("r")).toBe(true);
  }
  await suppressions.delete("r", "9@example.org");
  expect(await isMarked("r")).toBe(false);
});

test("an import counts what is new, keeps what is there, and has a limit", async () => {
  const { suppressions, tenants } = rig.store;
  await tenants.put("i", {});
  await suppressions.put("i", { address: "a@example.org", reason: "manual" });
  const list = ["a", "b", "B", "c"].map((local) => ({ address: `${local}@example.org`, reason: "import" }));
  expect(await suppressions.import("i", list)).toBe(2);
  expect(await isMarked("i")).toBe(true);
  expect((await suppressions.list("i", {})).items.map((one) => [one.address, one.reason])).toEqual([
    ["a@example.org", "manual"],
    ["b@example.org", "import"],
    ["c@example.org", "import"],
  ]);
  expect((await suppressions.list("i", { reason: "import", limit: 1 })).items).toHaveLength(1);
  const tooMany = Array.from({ length: suppressionLimits.perImport + 1 }, () => list[0] as (typeof list)[0]);
  await expect(suppressions.import("i", tooMany)).rejects.toThrow(RangeError);
  expect(await suppressions.put("nobody", { address: "a@example.org", reason: "manual" })).toBeUndefined();
});
