import { once } from "node:events";
import { ConfigError } from "@mailfleet/config";
import { createHealth, run, serveHealth } from "@mailfleet/service";
import { openDatabase } from "@mailfleet/store";
import { openTelemetry } from "@mailfleet/telemetry";
import { startBoard } from "./board.ts";
import { readBoardConfig } from "./config.ts";

const config = readConfig();

await run(
  async (scope) => {
    const { draining, own } = scope;
    const telemetry = own(openTelemetry("board", { logLevel: config.logLevel }), "telemetry");
    const database = own(
      openDatabase({
        url: config.databaseUrl?.reveal() ?? "",
        poolSize: 2,
        onError: (err) => telemetry.log.warn({ err }, "a database connection broke"),
      }),
      "database",
    );
    const health = createHealth({ draining, checks: { database: () => database.query("select 1") } });
    const metrics = await serveHealth({ host: config.metricsHost, port: config.metricsPort, health, telemetry });
    own(metrics, "health listener");
    const { url } = await startBoard({ config, database, telemetry, health }, scope);
    telemetry.log.info({ url, health: metrics.url }, "the board is open");
    if (!draining.aborted) await once(draining, "abort");
  },
  { graceMs: config.graceMs, closeMs: 5_000 },
);

function readConfig() {
  try {
    return readBoardConfig(process.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    console.error(error.message);
    process.exit(2);
  }
}
