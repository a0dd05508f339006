import { openDatabase } from "@mailfleet/store";
import { expect, test } from "vitest";
import { privateDatabase } from "./database.ts";

test("a private database is migrated, and what one test writes no other sees", async () => {
  await using one = await privateDatabase();
  await using other = await privateDatabase();
  await using first = openDatabase({ url: one.url, poolSize: 1 });
  await using second = openDatabase({ url: other.url, poolSize: 1 });

  await first.query("create table only_here (n int)");
  expect(await first.query("select count(*) > 0 as migrated from mailfleet_migrations")).toEqual([{ migrated: true }]);
  expect(await second.query("select to_regclass('only_here') as found")).toEqual([{ found: null }]);
});

test("an empty private database has no schema of ours", async () => {
  await using database = await privateDatabase({ empty: true });
  await using sql = openDatabase({ url: database.url, poolSize: 1 });
  expect(await sql.query("select to_regclass('mailfleet_migrations') as found")).toEqual([{ found: null }]);
});

test("a disposed database is gone, even while somebody is connected", async () => {
  const database = await privateDatabase();
  const sql = openDatabase({ url: database.url, poolSize: 1 });
  await sql.query("select 1");
  await database[Symbol.asyncDispose]();
  await expect(sql.query("select 1")).rejects.toThrow();
  await sql[Symbol.asyncDispose]();
});
