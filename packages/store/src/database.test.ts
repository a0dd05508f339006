import { privateDatabase } from "@mailfleet/testkit";
import { expect, test } from "vitest";
import { openDatabase } from "./database.ts";

test("a caller that gets no connection in time can tell so by a code", async () => {
  await using whole = await privateDatabase({ empty: true });
  await using db = openDatabase({ url: whole.url, poolSize: 1, acquireTimeoutMs: 1_000 });
  await db.transaction(async () => {
    const waiting = [db.query("select 1"), db.transaction(async () => {})];
    await Promise.all(waiting.map((one) => expect(one).rejects.toMatchObject({ code: "08000" })));
  });
  expect(await db.query("select 1 as n")).toEqual([{ n: 1 }]);
});

test("a transaction that stands still is ended, and what it locked is free", async () => {
  await using whole = await privateDatabase({ empty: true });
  await using db = openDatabase({ url: whole.url, poolSize: 2 });
  const locked = Promise.withResolvers<void>();
  const woken = Promise.withResolvers<void>();
  const sleeper = db.transaction(async (tx) => {
    await tx.query("select pg_advisory_xact_lock(7)");
    locked.resolve();
    await woken.promise;
    await tx.query("select 1");
  });
  await locked.promise;
  await db.query("select pg_advisory_lock(7)");
  woken.resolve();
  await expect(sleeper).rejects.toMatchObject({ code: expect.stringMatching(/^(57P05|25P03|08000)$/) });
});
