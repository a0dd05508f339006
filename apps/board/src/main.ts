import { once } from "node:events";
import { readConfigOrExit } from "@mailfleet/config";
import { createHealth, run, serveHealth } from "@mailfleet/service";
import { openDatabase } from "@mailfleet/store";
import { openTelemetry } from "@mailfleet/telemetry";
import { startBoard } from "./board.ts";
import { readConfig } from "./config.ts";

const poolSize = 2;

const config = readConfigOrExit(() => readConfig(process.env));

await run(
  async (scope) => {
    const { draining, own } = scope;
    const telemetry = own(openTelemetry("board", config), "telemetry");
    for (const warning of config.warnings) telemetry.log.warn(warning);
    const { databaseUrl, adminToken, redisUrl } = config;
    if (!databaseUrl || !adminToken || !redisUrl) throw new TypeError("the configuration was not checked");

    const onError = (err: Error) => telemetry.log.warn({ err }, "a database connection broke");
    const database = own(openDatabase({ url: databaseUrl.reveal(), poolSize, onError }), "database");
    const health = createHealth({ draining, checks: { database: () => database.query("select 1") } });
    own(await serveHealth({ host: config.metricsHost, port: config.metricsPort, health, telemetry }), "metrics");
    const { url } = await startBoard({ settings: config, adminToken, redisUrl, database, telemetry, health }, scope);
    telemetry.log.info({ url }, "the board is listening");
    if (!draining.aborted) await once(draining, "abort");
  },
  { graceMs: config.graceMs, closeMs: 5_000 },
);
