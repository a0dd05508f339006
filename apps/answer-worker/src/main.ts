import { readConfigOrExit } from "@mailfleet/config";
import { openQueues } from "@mailfleet/queue";
import { createHealth, createWatchdog, run, serveHealth } from "@mailfleet/service";
import { checkDatabase, openStore } from "@mailfleet/store";
import { openTelemetry } from "@mailfleet/telemetry";
import { readConfig } from "./config.ts";
import { startAnswering } from "./start-answering.ts";

const config = readConfigOrExit(() => readConfig(process.env));

await run(
  async (scope) => {
    const telemetry = scope.own(openTelemetry("answer-worker", config), "telemetry");
    for (const warning of config.warnings) telemetry.log.warn(warning);
    const onError = (error: Error) => telemetry.log.warn({ err: error }, "a database connection broke");
    const store = scope.own(openStore({ ...config.store, onError }), "store");
    telemetry.measureDatabase(() => store.db.query("select 1"));
    await checkDatabase(store.db);
    const queues = scope.own(await openQueues(config.redisUrl.reveal(), telemetry), "queues");
    const watchdog = createWatchdog();
    const checks = { database: () => store.db.query("select 1"), redis: () => queues.ping() };
    const health = createHealth({ draining: scope.draining, checks, watchdog });
    scope.own(await serveHealth({ host: config.metricsHost, port: config.metricsPort, health, telemetry }), "metrics");
    await (await startAnswering({ store, queues, telemetry, settings: config, watchdog }, scope)).ended;
  },
  { graceMs: config.graceMs, closeMs: 5_000 },
);
