import { randomBytes, randomUUID } from "node:crypto";
import { mkdtemp, rm, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { openStore } from "@mailfleet/store";
import { openTelemetry } from "@mailfleet/telemetry";
import { privateDatabase } from "@mailfleet/testkit";
import { expect, test } from "vitest";
import { removeOrphans, resealOnce } from "./chores.ts";

const newKey = () => randomBytes(32).toString("base64");

/** What was logged, as event and figures. */
function openLog() {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  const telemetry = openTelemetry("test", { logLevel: "info", processMetrics: false, destination });
  return { telemetry, events: () => lines.map((line) => JSON.parse(line)) };
}

test("blobs that no message names are removed once an hour, by one process of all", async () => {
  await using database = await privateDatabase();
  const folder = await mkdtemp(path.join(tmpdir(), "mailfleet-chores-"));
  const options = {
    databaseUrl: database.url,
    poolSize: 2,
    secretKeys: [newKey()],
    blobUrl: pathToFileURL(folder).href,
  };
  await using store = openStore(options);
  const { telemetry, events } = openLog();
  const orphan = async () => {
    const key = randomUUID();
    await store.blobs?.put(key, Buffer.from("x"));
    const longAgo = new Date(Date.now() - 30 * 86_400_000);
    await utimes(path.join(folder, key.slice(-2), key), longAgo, longAgo);
  };
  const everybody = () =>
    Promise.all([1, 2, 3].map(() => removeOrphans({ store, telemetry }, new AbortController().signal)));
  await orphan();
  await everybody();
  await orphan();
  await everybody();
  expect(events()).toMatchObject([{ event: "orphans_removed", count: 1 }]);
  await store.db.query("update mailfleet.chores set begun_at = begun_at - interval '1 hour'");
  await everybody();
  expect(events()).toMatchObject([{ count: 1 }, { event: "orphans_removed", count: 1 }]);
  await rm(folder, { recursive: true });
});

test("a new first key seals what the old one has sealed, says how much, and a missing key stops nothing", async () => {
  await using database = await privateDatabase();
  const [old, fresh] = [newKey(), newKey()];
  const open = (...secretKeys: string[]) => openStore({ databaseUrl: database.url, poolSize: 2, secretKeys });
  await using before = open(old);
  await before.tenants.put("acme", {});
  const auth = { kind: "password", user: "acme" } as const;
  const settings = { host: "hop.test", port: 465, security: "tls", auth } as const;
  await before.accounts.put("acme", "main", settings, { pass: "hush" });
  const { telemetry, events } = openLog();

  await using unprepared = open(fresh);
  await resealOnce({ store: unprepared, telemetry });
  await using rotating = open(fresh, old);
  await resealOnce({ store: rotating, telemetry });
  await resealOnce({ store: rotating, telemetry });
  expect(events()).toMatchObject([
    { event: "reseal_failed", err: { code: "unknown_secret_key" } },
    { event: "resealed", accounts: 1 },
  ]);
});
