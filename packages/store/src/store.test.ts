import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { openAcceptor } from "./acceptor.ts";
import { openStore } from "./store.ts";
import { collect } from "./testing/blob-contract.ts";
import { openRig } from "./testing/rig.ts";

test("content above the limit lies in the data folder, and is read from there in pieces", async () => {
  await using rig = await openRig();
  const dataDir = await mkdtemp(path.join(tmpdir(), "mailfleet-store-"));
  await rig.account("t");
  await using store = openStore({ databaseUrl: rig.databaseUrl, poolSize: 2, secretKeys: [rig.secretKey], dataDir });
  await using acceptor = openAcceptor(store.db, store.blobs);
  const content = randomBytes(300_000);
  const accepted = await acceptor.accept({
    tenantId: "t",
    origin: "tenant",
    digest: createHash("sha256").update(content).digest(),
    envelope: { reversePath: "", recipients: [{ address: "ann@example.org" }], smtpUtf8: false, eightBit: true },
    messageId: "<1@example.com>",
    content,
    priority: "low",
    inDoubt: "retry",
    via: "http",
  });
  if (accepted.kind !== "accepted") throw new Error(accepted.code);
  const found = await store.messages.content("t", accepted.uid);
  if (!found || !("open" in found)) throw new Error("the content is not in the blob store");
  expect(Buffer.concat(await collect(found.open())).equals(content)).toBe(true);
  expect(await readdir(path.join(dataDir, "blobs"))).toHaveLength(1);
  expect((await store.deliveries.list("t", {})).items).toHaveLength(1);
  await rm(dataDir, { recursive: true });
});

test("options that cannot be used are refused before anything is opened", () => {
  const options = {
    databaseUrl: "postgres://127.0.0.1:1/x",
    poolSize: 1,
    secretKeys: [randomBytes(32).toString("base64")],
  };
  expect(() => openStore({ ...options, secretKeys: [] })).toThrow(expect.objectContaining({ code: "no_secret_keys" }));
  expect(() => openStore({ ...options, blobUrl: "ftp://x" })).toThrow(
    expect.objectContaining({ code: "bad_blob_url" }),
  );
});
