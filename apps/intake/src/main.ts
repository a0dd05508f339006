import { readConfigOrExit } from "@mailfleet/config";
import { openQueues } from "@mailfleet/queue";
import { run, serveHealth } from "@mailfleet/service";
import { checkDatabase, openStore } from "@mailfleet/store";
import { openTelemetry } from "@mailfleet/telemetry";
import { readConfig } from "./config.ts";
import { startIntake } from "./intake.ts";
import { storeOptions } from "./store-options.ts";

const config = readConfigOrExit(() => readConfig(process.env));

await run(
  async (scope) => {
    const telemetry = scope.own(openTelemetry("intake", config), "telemetry");
    for (const warning of config.warnings) telemetry.log.warn(warning);
    const store = scope.own(openStore(storeOptions(config, telemetry)), "store");
    telemetry.measureDatabase(() => store.db.query("select 1"));
    await checkDatabase(store.db);
    const queues = config.redisUrl && scope.own(await openQueues(config.redisUrl.reveal(), telemetry), "queues");
    const settings = { ...config, adminToken: config.adminToken?.reveal() ?? "" };
    const intake = await startIntake({ settings, store, telemetry, ...(queues && { queues }) }, scope);
    const { health } = intake;
    scope.own(await serveHealth({ host: config.metricsHost, port: config.metricsPort, health, telemetry }), "metrics");
    await intake.drained;
  },
  { graceMs: config.graceMs, closeMs: 5_000 },
);
