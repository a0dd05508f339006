import { fleetSettings } from "./fleet-settings.ts";
import { type Reader, reader } from "./reader.ts";
import type { Environment } from "./source.ts";

/**
 * What a worker's process is told: the fleet's settings, with the servers that it cannot do without, and its own. A bad
 * environment is reported whole, as one ConfigError.
 */
export function readWorkerConfig<T extends object>(env: Environment, own: (settings: Reader) => T) {
  const settings = reader(env);
  const fleet = fleetSettings(settings, { needsAdminToken: false });
  const why = "is required: only `mailfleet up` brings servers of its own";
  if (fleet.databaseUrl === undefined) settings.refuse("DATABASE_URL", why);
  if (fleet.redisUrl === undefined) settings.refuse("REDIS_URL", why);
  const mine = own(settings);
  const { databaseUrl, redisUrl, secretKeys, blobUrl, databasePoolSize, ...config } = settings.check(fleet);
  if (!databaseUrl || !redisUrl || !secretKeys) throw new TypeError("the configuration was not checked");
  const store = {
    databaseUrl: databaseUrl.reveal(),
    poolSize: databasePoolSize,
    secretKeys: secretKeys.reveal().map((key) => key.toString("base64")),
    ...(blobUrl && { blobUrl: blobUrl.reveal() }),
  };
  return { ...config, ...mine, redisUrl, store, warnings: settings.warnings() };
}
