import type { OwnedShard } from "@mailfleet/store";
import { expect, test } from "vitest";
import { openShardKeeper } from "./shard-keeper.ts";

type Row = readonly [shard: number, fence: number, verdict: OwnedShard["verdict"]];

/** A keeper whose database says what it is told to say. */
function rig() {
  const heard: string[] = [];
  const world = { rows: [] as readonly Row[], lease: { id: 1 }, heard };
  const names = (shards: readonly number[]) => shards.join(",");
  const keeper = openShardKeeper(
    {
      share: async () => world.rows.map(([shard, fence, verdict]) => ({ shard, fence, verdict })),
      release: async (worker, shards) => void heard.push(`release ${names(shards)} of ${worker}`),
    },
    world.lease,
    {
      taken: async (shards) => void heard.push(`take ${names(shards.map(({ shard }) => shard))}`),
      dropped: async (shards) => void heard.push(`drop ${names(shards)}`),
    },
  );
  return { ...world, world, keeper };
}

test("what is shared out is taken once, under its fence", async () => {
  const { world, keeper, heard } = rig();
  world.rows = [
    [1, 7, "taken"],
    [2, 3, "taken_over"],
  ];
  await keeper.tick();
  world.rows = [
    [1, 7, "kept"],
    [2, 3, "kept"],
  ];
  await keeper.tick();
  expect(heard).toEqual(["take 1,2"]);
  expect([keeper.fenceOf(1), keeper.fenceOf(2), keeper.fenceOf(3)]).toEqual([7, 3, undefined]);
});

test("what is somebody else's by now is let go of, and not given back", async () => {
  const { world, keeper, heard } = rig();
  world.rows = [
    [1, 7, "taken"],
    [2, 3, "taken"],
  ];
  await keeper.tick();
  world.rows = [[2, 3, "kept"]];
  await keeper.tick();
  expect(heard).toEqual(["take 1,2", "drop 1"]);
});

test("a shard that was lost and won again is begun anew, under the new fence", async () => {
  const { world, keeper, heard } = rig();
  world.rows = [[1, 7, "taken"]];
  await keeper.tick();
  world.rows = [[1, 9, "taken_over"]];
  await keeper.tick();
  expect(heard).toEqual(["take 1", "drop 1", "take 1"]);
  expect(keeper.fenceOf(1)).toBe(9);
});

test("surplus is let go of before it is given back, a handful at a time", async () => {
  const { world, keeper, heard } = rig();
  world.rows = Array.from({ length: 60 }, (_, n): Row => [n, 1, n < 20 ? "taken" : "surplus"]);
  await keeper.tick();
  const handful = Array.from({ length: 32 }, (_, n) => n + 20).join(",");
  expect(heard.slice(1)).toEqual([`drop ${handful}`, `release ${handful} of 1`]);
});

test("after a lapsed lease nothing is held on to that was had under the old one", async () => {
  const { world, keeper, heard } = rig();
  world.rows = [[1, 7, "taken"]];
  await keeper.tick();
  world.lease.id = 2;
  world.rows = [];
  await keeper.tick();
  expect(heard).toEqual(["take 1", "drop 1"]);
  expect(keeper.workerId).toBe(2);
});

test("at the end everything is let go of, and then given back", async () => {
  const { world, keeper, heard } = rig();
  world.rows = [
    [1, 7, "taken"],
    [2, 3, "taken"],
  ];
  await keeper.tick();
  await keeper.releaseAll();
  expect(heard).toEqual(["take 1,2", "drop 1,2", "release 1,2 of 1"]);
  await keeper.releaseAll();
  expect(heard).toHaveLength(3);
});
