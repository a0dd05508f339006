import type { StoreOptions } from "@mailfleet/store";
import type { Telemetry } from "@mailfleet/telemetry";
import type { Config } from "./config.ts";

/** What the store needs of a checked configuration. */
export function storeOptions(config: Config, telemetry: Pick<Telemetry, "log">): StoreOptions {
  const { databaseUrl, secretKeys, blobUrl, databasePoolSize } = config;
  if (!databaseUrl || !secretKeys) throw new TypeError("the configuration was not checked");
  return {
    databaseUrl: databaseUrl.reveal(),
    poolSize: databasePoolSize,
    secretKeys: secretKeys.reveal().map((key) => key.toString("base64")),
    // A folder serves one host only, so a fleet without a bucket keeps all content in the database.
    ...(blobUrl && { blobUrl: blobUrl.reveal() }),
    onError: (error) => telemetry.log.warn({ err: error }, "a database connection broke"),
  };
}
