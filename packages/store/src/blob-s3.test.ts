import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { openBlobStore } from "./blob.ts";
import { blobContract, readBlob } from "./testing/blob-contract.ts";
import { startS3Server } from "./testing/s3-server.ts";

async function openBucket(prefix?: string) {
  const server = await startS3Server(prefix);
  return { blobs: openBlobStore(server.url), server, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

blobContract("a bucket", () => openBucket());
blobContract("a folder of a bucket", () => openBucket("fleet/blobs"));

test("a wrong secret stores nothing, and says so without the secret", async () => {
  await using server = await startS3Server("", { withSecret: "not+the/secret" });
  const put = openBlobStore(server.url).put(randomUUID(), Buffer.from("x"));
  await expect(put).rejects.toMatchObject({
    code: "blob_store_failed",
    message: expect.stringContaining("403 (SignatureDoesNotMatch)"),
  });
  await expect(put).rejects.not.toThrow("not+the/secret");
});

test("a bucket that is busy for a moment is asked again", async () => {
  await using rig = await openBucket();
  rig.server.failNext(2);
  const key = randomUUID();
  await rig.blobs.put(key, Buffer.from("x"));
  expect((await readBlob(rig.blobs, key)).toString()).toBe("x");
});

test("a bucket that stays broken, or is not there, fails by code", async () => {
  const rig = await openBucket();
  rig.server.failNext(100);
  await expect(rig.blobs.put(randomUUID(), Buffer.from("x"))).rejects.toMatchObject({ code: "blob_store_failed" });
  await expect(readBlob(rig.blobs, randomUUID())).rejects.toMatchObject({ code: "blob_store_failed" });
  await rig[Symbol.asyncDispose]();
  await expect(rig.blobs.put(randomUUID(), Buffer.from("x"))).rejects.toMatchObject({ code: "blob_store_failed" });
});
