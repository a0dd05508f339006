import { randomUUID } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { BlobStore } from "../blob.ts";

export interface BlobRig extends AsyncDisposable {
  readonly blobs: BlobStore;
}

export async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
}

export async function readBlob(blobs: BlobStore, key: string): Promise<Buffer> {
  return Buffer.concat(await collect(blobs.get(key)));
}

/** What every BlobStore promises. */
export function blobContract(name: string, open: () => Promise<BlobRig>): void {
  describe(`${name} keeps the blob contract`, () => {
    test.each([0, 1, 65_536, 3_000_001])("%i bytes come back as they were, and again", async (size) => {
      await using rig = await open();
      const bytes = Buffer.alloc(size, Buffer.from(Array.from({ length: 256 }, (_, n) => n)));
      const key = randomUUID();
      await rig.blobs.put(key, bytes);
      expect((await readBlob(rig.blobs, key)).equals(bytes)).toBe(true);
      expect((await readBlob(rig.blobs, key)).equals(bytes)).toBe(true);
    });

    test("a reader that stops early harms nobody", async () => {
      await using rig = await open();
      const key = randomUUID();
      await rig.blobs.put(key, Buffer.alloc(1_000_000));
      for await (const piece of rig.blobs.get(key)) {
        expect(piece.byteLength).toBeGreaterThan(0);
        break;
      }
      expect((await readBlob(rig.blobs, key)).byteLength).toBe(1_000_000);
    });

    test("what was never put, or was deleted, is missing by code", async () => {
      await using rig = await open();
      const key = randomUUID();
      await expect(readBlob(rig.blobs, key)).rejects.toMatchObject({ code: "blob_missing" });
      await rig.blobs.put(key, Buffer.from("x"));
      await rig.blobs.delete(key);
      await rig.blobs.delete(key);
      await expect(readBlob(rig.blobs, key)).rejects.toMatchObject({ code: "blob_missing" });
    });

    test("a list holds all that is older than a moment, and nothing younger", async () => {
      await using rig = await open();
      expect(await collect(rig.blobs.listOlderThan(new Date()))).toEqual([]);
      const keys = Array.from({ length: 5 }, () => randomUUID()).sort();
      for (const key of keys) await rig.blobs.put(key, Buffer.from("x"));
      const soon = new Date(Date.now() + 60_000);
      const past = new Date(Date.now() - 60_000);
      expect((await collect(rig.blobs.listOlderThan(soon))).sort()).toEqual(keys);
      expect(await collect(rig.blobs.listOlderThan(past))).toEqual([]);
    });

    test.each(["../../etc/passwd", "", "a/b", "x".repeat(36)])("%j is no key", async (key) => {
      await using rig = await open();
      await expect(rig.blobs.put(key, Buffer.from("x"))).rejects.toMatchObject({ code: "blob_missing" });
      await expect(readBlob(rig.blobs, key)).rejects.toMatchObject({ code: "blob_missing" });
    });
  });
}
