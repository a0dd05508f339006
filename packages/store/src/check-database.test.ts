import { privateDatabase } from "@mailfleet/testkit";
import { expect, test } from "vitest";
import { checkDatabase, UnfitDatabaseError } from "./check-database.ts";
import { openDatabase } from "./database.ts";

const reasonsOf = async (url: string): Promise<string> => {
  await using db = openDatabase({ url, poolSize: 2 });
  const error = await checkDatabase(db).then(
    () => undefined,
    (caught: unknown) => caught,
  );
  if (error === undefined) return "";
  expect(error).toBeInstanceOf(UnfitDatabaseError);
  return (error as UnfitDatabaseError).reasons.join("; ");
};

test("a migrated database with durable commits is taken", async () => {
  await using database = await privateDatabase();
  expect(await reasonsOf(database.url)).toBe("");
});

test("a database that could take back what it has committed is refused, and so is one that is not migrated: both reasons are told", async () => {
  await using database = await privateDatabase({ empty: true });
  await using db = openDatabase({ url: database.url, poolSize: 1 });
  await db.query(`alter database "${database.name}" set synchronous_commit = off`);
  const reasons = await reasonsOf(database.url);
  expect(reasons).toContain("synchronous_commit is off");
  expect(reasons).toContain("mailfleet migrate");
});
