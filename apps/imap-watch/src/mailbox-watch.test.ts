import { randomBytes } from "node:crypto";
import { reader } from "@mailfleet/config";
import type { MailboxSettings } from "@mailfleet/mail";
import { joinAsWorker, openStore } from "@mailfleet/store";
import { openTelemetry } from "@mailfleet/telemetry";
import { privateDatabase } from "@mailfleet/testkit";
import { expect, test } from "vitest";
import { watchSettings } from "./config.ts";
import { MailboxWatch } from "./mailbox-watch.ts";
import { openRoom } from "./room.ts";

const mailboxSettings: MailboxSettings = {
  host: "imap.example.org",
  port: 993,
  security: "tls",
  auth: { kind: "password", user: "help@example.org" },
  folder: "INBOX",
  mode: "idle",
  pollIntervalMs: 60_000,
  take: "unseen",
  role: "notify",
  maxAgeMs: 259_200_000,
  recordsReturnPath: false,
  authservIds: [],
  ownAddresses: [],
};

test("a connection goes to where the mailbox points by the position that it writes, whoever changed that a moment ago", async () => {
  await using database = await privateDatabase();
  const options = { databaseUrl: database.url, poolSize: 4, secretKeys: [randomBytes(32).toString("base64")] };
  await using store = openStore(options);
  await using another = openStore(options);
  await store.tenants.put("acme", {});
  const put = await store.mailboxes.put("acme", "box", mailboxSettings, { pass: "secret" });
  if (put.kind !== "put") throw new Error(put.kind);
  const { uid, revision } = put.mailbox;
  await using lease = await joinAsWorker(store.db, { app: "imap-watch" });
  const owned = (await store.shards.share(lease.id, 256)).find(({ shard }) => shard === uid % 256);
  const settings = reader({}).check(watchSettings(reader({})));
  const telemetry = openTelemetry("imap-watch", { logLevel: "error", processMetrics: false });
  const room = openRoom(store.following, settings);
  const watch = new MailboxWatch(
    { store, telemetry, lease, room, settings, queues: { wakeAnswer() {} }, turn: (act) => act() },
    { mailboxUid: uid, workerId: lease.id, fence: owned?.fence ?? -1 },
    { tenantId: "acme", revision, isTenantActive: true },
    { lost() {}, restart() {} },
  );
  const begun = () => watch.begin(new AbortController().signal);
  expect(await begun()).toMatchObject({ kind: "start", start: { folder: "INBOX" } });
  await another.mailboxes.put("acme", "box", { ...mailboxSettings, folder: "Other" });
  expect(await begun()).toMatchObject({ kind: "start", start: { folder: "Other" } });
});
