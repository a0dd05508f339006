import { randomUUID } from "node:crypto";
import { mkdtemp, rm, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { openBlobStore } from "./blob.ts";
import { collectOrphans } from "./blob-orphans.ts";
import { collect } from "./testing/blob-contract.ts";
import { openRig } from "./testing/rig.ts";

test("only old blobs that no message names are removed, and no more than the limit", async () => {
  await using rig = await openRig();
  const folder = await mkdtemp(path.join(tmpdir(), "mailfleet-orphans-"));
  const blobs = openBlobStore(pathToFileURL(folder).href);
  const { db } = rig.store;
  await rig.account("t");
  const { uid } = await rig.submit("t");
  const orphans = Array.from({ length: 3 }, () => randomUUID());
  const young = randomUUID();
  for (const key of [uid, young, ...orphans]) await blobs.put(key, Buffer.from("x"));
  const longAgo = new Date(Date.now() - 8 * 86_400_000);
  for (const key of [uid, ...orphans]) await utimes(path.join(folder, key.slice(-2), key), longAgo, longAgo);

  expect(await collectOrphans(db, blobs, { limit: 2 })).toBe(2);
  expect(await collectOrphans(db, blobs, { olderThanMs: 0 }), "what is younger than a day is never touched").toBe(1);
  expect(await collectOrphans(db, blobs)).toBe(0);
  const left = await collect(blobs.listOlderThan(new Date(Date.now() + 60_000)));
  expect(left.sort()).toEqual([uid, young].sort());
  await rm(folder, { recursive: true });
});
