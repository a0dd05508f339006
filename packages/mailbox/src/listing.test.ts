import { expect, test } from "vitest";
import { batchesOf, queryOf, sequenceSet } from "./listing.ts";

test.for([
  [[], ""],
  [[7], "7"],
  [[1, 2, 3], "1:3"],
  [[1, 3, 4, 9], "1,3:4,9"],
  [[4294967294, 4294967295], "4294967294:4294967295"],
] as const)("%j is written as %s", ([uids, set]) => {
  expect(sequenceSet(uids)).toBe(set);
});

const now = new Date("2026-03-20T10:00:00Z");

test("a search asks for a day more on each side, since servers look at the day in their own time zone", () => {
  const since = new Date("2026-03-02T10:00:00Z");
  expect(queryOf({ since, until: since }, now)).toMatchObject({
    since: new Date("2026-03-01T10:00:00Z"),
    before: new Date("2026-03-03T10:00:00Z"),
  });
  expect(queryOf({ since, until: now }, now)).not.toHaveProperty("before");
});

test("a search carries the filters and leaves out what is marked as deleted", () => {
  expect(queryOf({ fromUid: 5, unseen: true, filters: { subject: "order" } }, now)).toEqual({
    uid: "5:*",
    deleted: false,
    seen: false,
    subject: "order",
  });
});

test("long lists are cut into batches that leave nothing out", () => {
  expect([...batchesOf([1, 2, 3, 4, 5], 2)]).toEqual([[1, 2], [3, 4], [5]]);
});
