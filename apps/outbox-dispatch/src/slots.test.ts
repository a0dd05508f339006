import { expect, test } from "vitest";
import { openSlots } from "./slots.ts";

test("a tenant alone may take half of the slots while another waits, and never all", () => {
  const slots = openSlots(8);
  for (let taken = 0; taken < 4; taken++) {
    expect(slots.hasShare("big")).toBe(true);
    slots.enter("big");
  }
  expect(slots.hasShare("big")).toBe(false);
  expect(slots.hasShare("small")).toBe(true);
});

test("a share grows again when others leave", () => {
  const slots = openSlots(6);
  for (const tenant of ["a", "a", "b"]) slots.enter(tenant);
  expect(slots.hasShare("a")).toBe(false);
  slots.leave("b");
  expect(slots.hasShare("a")).toBe(true);
});

test("every tenant has a share of at least one slot, however many there are", () => {
  const slots = openSlots(2);
  for (const tenant of ["a", "b", "c"]) slots.enter(tenant);
  expect(slots.hasShare("d")).toBe(true);
});
