import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { openBlobStore } from "./blob.ts";
import { blobContract, collect, readBlob } from "./testing/blob-contract.ts";

async function openFolder() {
  const folder = await mkdtemp(path.join(tmpdir(), "mailfleet-blobs-"));
  return {
    folder,
    blobs: openBlobStore(pathToFileURL(path.join(folder, "deep", "blobs")).href),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

blobContract("a folder", openFolder);

test("a draft that a crash left behind is neither listed nor read, and the next put replaces it", async () => {
  await using rig = await openFolder();
  const key = "01890a5d-ac96-774b-bcce-b302099a8057";
  await rig.blobs.put(key, Buffer.from("whole"));
  const place = path.join(rig.folder, "deep", "blobs", "57", key);
  await rm(place);
  await writeFile(`${place}.draft`, "hal");
  expect(await collect(rig.blobs.listOlderThan(new Date(Date.now() + 60_000)))).toEqual([]);
  await expect(readBlob(rig.blobs, key)).rejects.toMatchObject({ code: "blob_missing" });
  await rig.blobs.put(key, Buffer.from("whole"));
  expect((await readBlob(rig.blobs, key)).toString()).toBe("whole");
  expect(await readdir(path.dirname(place))).toEqual([key]);
});

test.each([
  "",
  "blobs",
  "/var/blobs",
  "http://example.org/x",
  "s3://bucket/x",
  "s3://id:secret@/x",
  "s3://id:secret@b?endpoint=ftp://x",
])("the blob URL %j is refused", (url) => {
  expect(() => openBlobStore(url)).toThrow(expect.objectContaining({ code: "bad_blob_url" }));
});
