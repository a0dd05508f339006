import { expect, test } from "vitest";
import { authGuard, authGuardLimits } from "./auth-guard.ts";

const limits = { ...authGuardLimits, failuresPerAddress: 3, failuresPerUser: 5, windowMs: 1_000, remembered: 10 };

function guarded() {
  let now = 0;
  const guard = authGuard({ nowMs: () => now, limits });
  const fail = (times: number, user: (n: number) => string, address: (n: number) => string) => {
    for (let n = 0; n < times; n++) guard.failed(user(n), address(n));
  };
  const pass = (ms: number) => {
    now += ms;
  };
  return { guard, fail, pass };
}

test("each failure is answered later than the last, up to a limit", () => {
  const { guard } = guarded();
  const delays = Array.from({ length: 8 }, () => guard.failed("acme", "192.0.2.1"));
  expect(delays).toEqual([500, 1_000, 2_000, 4_000, 8_000, 8_000, 8_000, 8_000]);
});

test("an address that fails too often is locked out, whatever users it names, until the window is over", () => {
  const { guard, fail, pass } = guarded();
  fail(
    3,
    (n) => `user${n}`,
    () => "192.0.2.1",
  );
  expect(guard.isLockedOut("acme", "192.0.2.1")).toBe(true);
  expect(guard.isLockedOut("acme", "192.0.2.2")).toBe(false);
  pass(999);
  expect(guard.isLockedOut("acme", "192.0.2.1")).toBe(true);
  pass(1);
  expect(guard.isLockedOut("acme", "192.0.2.1")).toBe(false);
});

test("a user whom many addresses fail for is locked out, but not where they have authenticated before", () => {
  const { guard, fail } = guarded();
  guard.succeeded("acme", "192.0.2.200");
  fail(
    5,
    () => "acme",
    (n) => `192.0.2.${n}`,
  );
  expect(guard.isLockedOut("acme", "192.0.2.100")).toBe(true);
  expect(guard.isLockedOut("acme", "192.0.2.200")).toBe(false);
  expect(guard.isLockedOut("other", "192.0.2.100")).toBe(false);
});

test("a success clears the count", () => {
  const { guard, fail } = guarded();
  fail(
    2,
    () => "acme",
    () => "192.0.2.1",
  );
  guard.succeeded("acme", "192.0.2.1");
  fail(
    2,
    () => "acme",
    () => "192.0.2.1",
  );
  expect(guard.isLockedOut("acme", "192.0.2.1")).toBe(false);
});

test("only so many are remembered, and the oldest are forgotten first", () => {
  const { guard, fail } = guarded();
  fail(
    3,
    () => "acme",
    () => "192.0.2.1",
  );
  fail(
    10,
    (n) => `user${n}`,
    (n) => `198.51.100.${n}`,
  );
  expect(guard.isLockedOut("nobody", "192.0.2.1")).toBe(false);
  fail(
    2,
    () => "x",
    () => "198.51.100.9",
  );
  expect(guard.isLockedOut("nobody", "198.51.100.9")).toBe(true);
});
