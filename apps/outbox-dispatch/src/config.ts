import { type Environment, fleetSettings, type Reader, reader } from "@mailfleet/config";

export type Config = ReturnType<typeof readConfig>;

/** Everything that a process of outbox-dispatch's own can be told. A bad environment is reported whole, at start. */
export function readConfig(env: Environment) {
  const settings = reader(env);
  const fleet = fleetSettings(settings, { needsAdminToken: false });
  const why = "is required: only `mailfleet up` brings servers of its own";
  if (fleet.databaseUrl === undefined) settings.refuse("DATABASE_URL", why);
  if (fleet.redisUrl === undefined) settings.refuse("REDIS_URL", why);
  const { databaseUrl, redisUrl, secretKeys, blobUrl, databasePoolSize, ...config } = settings.check({
    ...fleet,
    ...dispatchSettings(settings),
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

/** The settings that only outbox-dispatch has. */
export function dispatchSettings({ integer, duration, text }: Reader) {
  return {
    slots: integer("DISPATCH_SLOTS", "Turns that one process takes at once.", { min: 1, max: 512, otherwise: 32 }),
    expressSlots: integer("DISPATCH_EXPRESS_SLOTS", "Turns reserved for `immediate` mail.", {
      min: 1,
      max: 128,
      otherwise: 4,
    }),
    turnMessages: integer("DISPATCH_TURN_MESSAGES", "Messages after which a turn makes room, where others wait.", {
      min: 1,
      max: 100_000,
      otherwise: 500,
    }),
    turnMs: duration("DISPATCH_TURN", "Time after which a turn makes room, where others wait.", {
      min: "100ms",
      max: "10m",
      otherwise: "10s",
    }),
    slowMs: duration("DISPATCH_SLOW", "A message that takes longer keeps its lane and frees its slot.", {
      min: "100ms",
      max: "10m",
      otherwise: "3s",
    }),
    idleMs: duration("DISPATCH_IDLE", "How long a connection is kept for the account's next message.", {
      min: "0s",
      max: "5m",
      otherwise: "2s",
    }),
    sweepMs: duration("DISPATCH_SWEEP", "How often the sweep looks for due mail that has no errand.", {
      min: "100ms",
      max: "1m",
      otherwise: "1s",
    }),
    leaseMs: duration("WORKER_LEASE", "How long a silent process keeps what it had in hand, before others take over.", {
      min: "1s",
      max: "5m",
      otherwise: "10s",
    }),
    ehloName: text("EHLO_NAME", "What the fleet calls itself to next hops, and as Reporting-MTA.", {
      otherwise: "mailfleet.localhost",
    }),
  };
}
