import { expect, test } from "vitest";
import { Suspects } from "./suspects.ts";

test("after a batch that broke the connection messages are read one by one, until as many were", () => {
  const suspects = new Suspects();
  expect(suspects.batchSize(20)).toBe(20);
  suspects.begin([1, 2]);
  suspects.connectionEnded(true);
  for (const uid of [1, 2]) {
    expect(suspects.batchSize(20)).toBe(1);
    suspects.begin([uid]);
    suspects.end();
  }
  expect(suspects.batchSize(20)).toBe(20);
});

test("a message that breaks the connection again and again is given up, its neighbour is not", () => {
  const suspects = new Suspects();
  for (let n = 0; n < 2; n++) {
    expect(suspects.isUnreadable(1)).toBe(false);
    suspects.begin([1]);
    suspects.connectionEnded(true);
  }
  expect(suspects.isUnreadable(1)).toBe(true);
  expect(suspects.isUnreadable(2)).toBe(false);
});

test("a way that breaks is blamed on a message only after many times", () => {
  const suspects = new Suspects();
  for (let n = 0; n < 5; n++) {
    suspects.begin([1]);
    suspects.connectionEnded(false);
    expect(suspects.isUnreadable(1)).toBe(false);
  }
});

test("an end of the connection while nothing was read blames nobody", () => {
  const suspects = new Suspects();
  suspects.begin([1]);
  suspects.end();
  for (let n = 0; n < 20; n++) suspects.connectionEnded(true);
  expect(suspects.isUnreadable(1)).toBe(false);
  expect(suspects.batchSize(20)).toBe(20);
});

test("a message that the server refuses to give is given up at once", () => {
  const suspects = new Suspects();
  suspects.begin([4]);
  suspects.refused();
  expect(suspects.isUnreadable(4)).toBe(true);
});
