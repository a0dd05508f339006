import { randomBytes } from "node:crypto";
import { privateDatabase } from "@mailfleet/testkit";
import { expect, test } from "vitest";
import { openStore } from "./store.ts";

/** Foreign keys without an index of their own, and why they need none. */
const justified: Readonly<Record<string, string>> = {};

test("every foreign key has an index that begins with its columns: deleting what it points to looks for it", async () => {
  await using database = await privateDatabase();
  await using store = openStore({
    databaseUrl: database.url,
    poolSize: 1,
    secretKeys: [randomBytes(32).toString("base64")],
  });
  const keys = await store.db.query<{ name: string; isIndexed: boolean }>(
    `select c.conrelid::regclass || ' (' || (
         select string_agg(a.attname, ', ' order by k.n) from unnest(c.conkey) with ordinality as k(attnum, n)
         join pg_attribute a on a.attrelid = c.conrelid and a.attnum = k.attnum) || ')' as name,
       exists (select from pg_index i where i.indrelid = c.conrelid and i.indisvalid and i.indpred is null
         and (i.indkey::int2[])[0:cardinality(c.conkey) - 1] @> c.conkey) as "isIndexed"
     from pg_constraint c where c.contype = 'f' and c.connamespace = 'mailfleet'::regnamespace order by 1`,
  );
  expect(keys.length).toBeGreaterThan(5);
  const without = keys.filter(({ isIndexed }) => !isIndexed).map(({ name }) => name);
  expect(without).toEqual(Object.keys(justified));
});
