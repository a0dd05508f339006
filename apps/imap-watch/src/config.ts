import { type Environment, fleetSettings, type Reader, reader } from "@mailfleet/config";

export type Config = ReturnType<typeof readConfig>;

/** Everything that a process of imap-watch's own can be told. A bad environment is reported whole, at start. */
export function readConfig(env: Environment) {
  const settings = reader(env);
  const fleet = fleetSettings(settings, { needsAdminToken: false });
  const why = "is required: only `mailfleet up` brings servers of its own";
  if (fleet.databaseUrl === undefined) settings.refuse("DATABASE_URL", why);
  if (fleet.redisUrl === undefined) settings.refuse("REDIS_URL", why);
  const { databaseUrl, redisUrl, secretKeys, blobUrl, databasePoolSize, ...config } = settings.check({
    ...fleet,
    ...watchSettings(settings),
  });
  if (!databaseUrl || !redisUrl || !secretKeys) throw new TypeError("the configuration was not checked");
  const store = {
    databaseUrl: databaseUrl.reveal(),
    poolSize: databasePoolSize,
    secretKeys: secretKeys.reveal().map((key) => key.toString("base64")),
    ...(blobUrl && { blobUrl: blobUrl.reveal() }),
  };
  return { ...config, redisUrl, store, warnings: settings.warnings() };
}

export type WatchSettings = ReturnType<typeof watchSettings>;

/** The settings that only imap-watch has. */
export function watchSettings({ integer, duration }: Reader) {
  return {
    watchLeaseMs: duration("WATCH_LEASE", "How long a silent watcher keeps its mailboxes, before others take over.", {
      min: "1s",
      max: "1m",
      otherwise: "5s",
    }),
    watchNewsMs: duration("WATCH_NEWS", "How often a watcher asks what is to be done in its mailboxes.", {
      min: "50ms",
      max: "10s",
      otherwise: "500ms",
    }),
    loginsPerSecond: integer("WATCH_LOGINS_PER_SECOND", "Logins at one IMAP host, of the whole fleet.", {
      min: 1,
      max: 10_000,
      otherwise: 25,
    }),
    maxWaiting: integer("WATCH_MAX_WAITING", "Messages that wait for answers, beyond which no more are taken in.", {
      min: 1,
      max: 10_000_000,
      otherwise: 10_000,
    }),
    maxWaitingPerTenant: integer(
      "WATCH_MAX_WAITING_PER_TENANT",
      "Messages of one tenant that wait for answers, beyond which none of its own are taken in.",
      { min: 1, max: 10_000_000, otherwise: 2_000 },
    ),
    messageBytes: integer("WATCH_MESSAGE_BYTES", "Larger messages are recorded without their content, and skipped.", {
      min: 65_536,
      // What the parser reads at most.
      max: 27_262_976,
      otherwise: 26_214_400,
    }),
    bytesInFlight: integer(
      "WATCH_BYTES_IN_FLIGHT",
      "Content that one process holds at once; a quarter of it at most for one tenant.",
      {
        min: 33_554_432,
        max: 4_294_967_296,
        otherwise: 134_217_728,
      },
    ),
  };
}
