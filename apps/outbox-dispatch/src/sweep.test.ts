import { randomBytes } from "node:crypto";
import { accept, joinAsWorker, openRounds, openStore, prepare } from "@mailfleet/store";
import { openTelemetry } from "@mailfleet/telemetry";
import { privateDatabase } from "@mailfleet/testkit";
import { expect, test } from "vitest";
import { openOutbox } from "./outbox.ts";
import { sweep } from "./sweep.ts";

test("what ends or falls in doubt by the sweep's hand is counted like any other", async () => {
  await using database = await privateDatabase();
  const secretKeys = [randomBytes(32).toString("base64")];
  await using store = openStore({ databaseUrl: database.url, poolSize: 6, secretKeys });
  await store.tenants.put("acme", {});
  const put = await store.accounts.put("acme", "main", { host: "hop.test", port: 25, security: "none" });
  if (put.kind !== "put") throw new Error(put.kind);
  const { uid } = put.account;
  const submit = (n: number, expiresAt?: Date) =>
    accept(
      store.db,
      Array.from({ length: n }, () =>
        prepare({
          tenantId: "acme",
          origin: "tenant",
          digest: new Uint8Array(32),
          envelope: {
            reversePath: "us@acme.test",
            recipients: [{ address: "ann@peer.test" }],
            smtpUtf8: false,
            eightBit: false,
          },
          messageId: "<1@acme.test>",
          content: Buffer.from("Subject: hello\r\n\r\nhello\r\n"),
          priority: "medium",
          inDoubt: "hold",
          via: "http",
          ...(expiresAt && { expiresAt }),
        }),
      ),
    );

  // One process lapses with one in transmission and two claimed.
  await using dead = await joinAsWorker(store.db, { app: "test" });
  await submit(3);
  const claims = JSON.stringify([
    { n: 0, account: uid, want: 3, heads: [0, 0, 0, 0, 0], express: false, suspects: true },
  ]);
  const claimed = await store.db.query<{ delivery_uid: string }>(
    "select delivery_uid from mailfleet.round($1, null, null, $2) where kind = 'c'",
    [dead.id, claims],
  );
  await store.db.query("select * from mailfleet.round($1, null, $2, null)", [dead.id, [claimed[0]?.delivery_uid]]);
  await store.db.query("update mailfleet.workers set lease_until = now() - interval '1 s' where id = $1", [dead.id]);
  // Other mail has no time left behind a block.
  await submit(1, new Date(Date.now() - 1_000));
  await store.db.query("update mailfleet.queue_keys set blocked_until = now() + interval '1 hour'");

  await using telemetry = openTelemetry("test", { logLevel: "silent", processMetrics: false });
  await using lease = await joinAsWorker(store.db, { app: "test" });
  await using rounds = openRounds(store.db, lease);
  const outbox = openOutbox(store, lease, rounds, { stopping: AbortSignal.abort(), onError: () => {} });
  const deps = { store, outbox, telemetry, ehloName: "mailfleet.test", random: () => 0.5, wake: () => {} };
  for (let tick = 0; tick < 2; tick++) await sweep({ ...deps, workerId: () => lease.id });

  expect((await telemetry.metrics()).split("\n")).toEqual(
    expect.arrayContaining([
      'mailfleet_lapsed_claims_total{state="claimed"} 2',
      'mailfleet_lapsed_claims_total{state="transmitting"} 1',
      'mailfleet_in_doubt_total{tenant="acme",account="main"} 1',
      'mailfleet_held_total{reason="in_doubt"} 1',
      'mailfleet_dead_lettered_total{tenant="acme",account="main"} 1',
    ]),
  );
});
