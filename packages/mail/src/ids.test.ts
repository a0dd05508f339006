import { expect, test } from "vitest";
import { isId, newId } from "./ids.ts";
import { deliveryStates, isEnded, priorities, priorityBands } from "./states.ts";

test("an id has 1 to 128 letters, digits, dots, underscores, tildes and hyphens", () => {
  for (const id of ["a", "A9._~-", "x".repeat(128)]) expect(isId(id)).toBe(true);
  for (const id of ["", "x".repeat(129), "a b", "a/b", "a\n", "ü", "a:b", "%41"]) expect(isId(id)).toBe(false);
});

test("new ids are ids, differ, and sort in the order they were made", () => {
  const ids = Array.from({ length: 1_000 }, newId);
  expect(ids.every(isId)).toBe(true);
  expect(ids).toEqual([...new Set(ids)].sort());
});

test("exactly four states end a delivery", () => {
  expect(deliveryStates.filter(isEnded)).toEqual(["sent", "dead_lettered", "suppressed", "cancelled"]);
});

test("a band's number leads back to its name", () => {
  for (const priority of priorities) expect(priorities[priorityBands[priority]]).toBe(priority);
});
