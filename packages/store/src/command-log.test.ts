import { expect, test } from "vitest";
import { openRig } from "./testing/rig.ts";

test("what was done is listed newest first, each tenant's apart, and undone with its transaction", async () => {
  await using rig = await openRig();
  const { commandLog, db } = rig.store;
  const command = (n: number, tenantId: string | null) => ({
    actor: "me",
    tenantId,
    command: "test",
    target: `${n}`,
    detail: { n },
  });
  for (const [n, tenant] of [
    [1, "a"],
    [2, "b"],
    [3, "a"],
    [4, null],
  ] as const)
    await commandLog.add(command(n, tenant));
  const undone = db.transaction(async (tx) => {
    await commandLog.add(command(5, "a"), tx);
    throw new Error("undo");
  });
  await expect(undone).rejects.toThrow("undo");

  const targets = async (...args: Parameters<typeof commandLog.list>) =>
    (await commandLog.list(...args)).items.map(({ target }) => target);
  expect(await targets("a", {})).toEqual(["3", "1"]);
  expect(await targets(undefined, {})).toEqual(["4", "3", "2", "1"]);
  const { nextCursor } = await commandLog.list("a", { limit: 1 });
  expect(await targets("a", { limit: 1, cursor: nextCursor as string })).toEqual(["1"]);
});
