import path from "node:path";
import { pathToFileURL } from "node:url";
import { startAnswering } from "@mailfleet/answer-worker";
import { startBoard } from "@mailfleet/board";
import { startWatch } from "@mailfleet/imap-watch";
import { startIntake } from "@mailfleet/intake";
import { startDispatch } from "@mailfleet/outbox-dispatch";
import { openQueues } from "@mailfleet/queue";
import { createHealth, createWatchdog, type Scope, serveHealth } from "@mailfleet/service";
import { openStore, type Store } from "@mailfleet/store";
import type { Telemetry } from "@mailfleet/telemetry";
import type { Plan, Servers } from "./plan.ts";

/** Every app of the fleet, in this process. URLs without a slash at their ends. */
export interface Fleet {
  readonly api: string;
  readonly board: string;
  readonly health: string;
  /** `host:port` of SMTP submission. */
  readonly submission: string;
  /** Resolves when every app has drained; rejects when one could not go on. */
  readonly ended: Promise<unknown>;
}

/** Opens the store that all apps of this process share. */
export function openFleetStore(plan: Plan, { databaseUrl, secretKeys }: Servers, { log }: Telemetry): Store {
  return openStore({
    databaseUrl: databaseUrl.reveal(),
    poolSize: plan.databasePoolSize,
    secretKeys,
    // One process on one host: a folder of its own serves all apps.
    blobUrl: plan.blobUrl?.reveal() ?? pathToFileURL(path.join(plan.dataDir, "blobs")).href,
    onError: (err) => log.warn({ err }, "a database connection broke"),
  });
}

/** Starts the apps. Throws PortTakenError, which names the setting that moves the port. */
export async function startFleet(
  {
    plan,
    servers,
    store,
    telemetry,
  }: {
    readonly plan: Plan;
    readonly servers: Servers;
    readonly store: Store;
    readonly telemetry: Telemetry;
  },
  scope: Scope,
): Promise<Fleet> {
  const { adminToken, redisUrl } = servers;
  const queues = scope.own(await openQueues(redisUrl.reveal(), telemetry), "queues");
  const watchdog = createWatchdog();
  telemetry.measureDatabase(() => store.db.query("select 1"));

  const settings = { ...plan, adminToken: adminToken.reveal() };
  const intake = await startIntake({ settings, store, queues, telemetry: telemetry.forApp("intake") }, scope);
  const board = await startBoard(
    { settings: plan, adminToken, redisUrl, database: store.db, telemetry: telemetry.forApp("board") },
    scope,
  );
  const health = createHealth({
    draining: scope.draining,
    checks: { database: () => store.db.query("select 1"), redis: () => queues.ping() },
    watchdog,
    onFailure: (check, err) => telemetry.log.warn({ check, err }, "not ready"),
  });
  const listener = await serveHealth({ host: plan.metricsHost, port: plan.metricsPort, health, telemetry });
  scope.own(listener, "health listener");

  const dispatch = await startDispatch(
    { store, queues, settings: plan, watchdog, telemetry: telemetry.forApp("outbox-dispatch") },
    scope,
  );
  const watch = await startWatch(
    { store, queues, settings: plan, watchdog, telemetry: telemetry.forApp("imap-watch") },
    scope,
  );
  const { leaseMs, graceMs } = plan;
  const answering = await startAnswering(
    {
      ...{ store, queues, watchdog },
      settings: { ...plan.answering, leaseMs, graceMs },
      telemetry: telemetry.forApp("answer-worker"),
    },
    scope,
  );
  const ended = Promise.all([dispatch.ended, intake.drained, watch.ended, answering.ended]);
  ended.catch(() => {}); // Whoever waits for it hears; until then it must not end the process from aside.
  return {
    api: intake.apiUrl,
    board: board.url,
    health: listener.url,
    submission: `${plan.smtpHost}:${intake.smtpPort}`,
    ended,
  };
}
