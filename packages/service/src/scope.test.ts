import { expect, test } from "vitest";
import { createScope } from "./index.ts";

const limits = { graceMs: 60_000, closeMs: 1_000, onError: (error: unknown) => expect.unreachable(String(error)) };

test("a scope drains first and stops later", async () => {
  await using scope = createScope(limits);
  scope.drain();
  expect([scope.draining.aborted, scope.stopping.aborted]).toEqual([true, false]);
  scope.stop();
  expect(scope.stopping.aborted).toBe(true);
});

test("closing closes each resource once, last opened first, however often it is asked for", async () => {
  const closed: string[] = [];
  const scope = createScope(limits);
  scope.own({ [Symbol.asyncDispose]: async () => void closed.push("first") });
  scope.own({ [Symbol.dispose]: () => void closed.push("second") });
  expect(await Promise.all([scope.close(), scope.close()])).toEqual([true, true]);
  await scope[Symbol.asyncDispose]();
  expect(closed).toEqual(["second", "first"]);
});

test("the time for closing is shared, and what is left is told to close all the same", async () => {
  const errors: string[] = [];
  const asked: string[] = [];
  const scope = createScope({ graceMs: 0, closeMs: 20, onError: (error) => errors.push((error as Error).message) });
  for (const name of ["first", "second"]) {
    const close = () => {
      asked.push(name);
      return new Promise<void>(() => {});
    };
    scope.own({ [Symbol.asyncDispose]: close }, name);
  }
  expect(await scope.close()).toBe(false);
  expect(asked).toEqual(["second", "first"]);
  expect(errors).toEqual(["second has not closed in time", "first has not closed in time"]);
});
