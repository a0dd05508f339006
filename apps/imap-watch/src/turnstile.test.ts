import { expect, test } from "vitest";
import { openTurnstile } from "./turnstile.ts";

test("no more pass at once than may, each in turn, and a failure lets the next one in", async () => {
  const turn = openTurnstile(2);
  const begun: number[] = [];
  const gates = Array.from({ length: 5 }, () => Promise.withResolvers<number>());
  const passed = gates.map(({ promise }, n) =>
    turn(() => {
      begun.push(n);
      return promise;
    }),
  );
  const failed = expect(passed[1]).rejects.toThrow("away");
  expect(begun).toEqual([0, 1]);
  gates[1]?.reject(new Error("away"));
  await failed;
  expect(begun).toEqual([0, 1, 2]);
  for (const [n, { resolve }] of gates.entries()) resolve(n);
  expect(await passed[0]).toBe(0);
  expect(await Promise.all(passed.slice(2))).toEqual([2, 3, 4]);
  expect(begun).toEqual([0, 1, 2, 3, 4]);
});
