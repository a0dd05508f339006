import type { Reader } from "./reader.ts";

/** Levels of the log, from the quietest to the most talkative. */
export const logLevels = ["fatal", "error", "warn", "info", "debug", "trace"] as const;
export type LogLevel = (typeof logLevels)[number];

export type FleetSettings = ReturnType<typeof fleetSettings>;

/**
 * The settings that every process of the fleet shares. With no database URL a process runs on the embedded default,
 * which makes and keeps its own admin token and secret keys; with one, both must be given.
 *
 * `needsAdminToken: false` is for processes that check no key, so that they need not be told it.
 */
export function fleetSettings(reader: Reader, { needsAdminToken = true }: { readonly needsAdminToken?: boolean } = {}) {
  const { optional, integer, duration, text, choice, refuse } = reader;
  const databaseUrl = optional.secret("DATABASE_URL", "PostgreSQL that holds the truth. Absent: the embedded one.", {
    schemes: ["postgres", "postgresql"],
  });
  const adminToken = optional.secret(
    "ADMIN_TOKEN",
    "The operator's key. Made and kept in the data folder on the embedded default.",
  );
  const secretKeys = optional.keys(
    "SECRET_KEYS",
    "Keys that seal stored credentials: the first seals, all open. Made and kept in the data folder on the embedded default.",
  );

  if (databaseUrl !== undefined) {
    const why = "is required when MAILFLEET_DATABASE_URL is set";
    if (adminToken === undefined && needsAdminToken) refuse("ADMIN_TOKEN", why);
    if (secretKeys === undefined) refuse("SECRET_KEYS", `${why}: 32 bytes in base64`);
  }

  return {
    databaseUrl,
    migrateDatabaseUrl: optional.secret(
      "MIGRATE_DATABASE_URL",
      "The same database as a role that may change its tables. Absent: MAILFLEET_DATABASE_URL.",
      { schemes: ["postgres", "postgresql"] },
    ),
    databasePoolSize: integer("DATABASE_POOL_SIZE", "SQL connections that one process may open.", {
      min: 2,
      max: 200,
      otherwise: 8,
    }),
    redisUrl: optional.secret("REDIS_URL", "Redis that carries the errands; it may lose them. Absent: a private one.", {
      schemes: ["redis", "rediss", "redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster"],
    }),
    blobUrl: optional.secret(
      "BLOB_URL",
      "Where content above the inline limit lies. Absent: a folder in the data folder.",
      {
        schemes: ["s3", "file"],
      },
    ),
    dataDir: text("DATA_DIR", "Folder of the embedded database, Redis and content.", { otherwise: "./var" }),
    adminToken,
    secretKeys,
    publicUrl: optional.url("PUBLIC_URL", "Where people and tenants reach this fleet, for links."),
    metricsHost: text("METRICS_HOST", "Address that health and metrics listen on.", { otherwise: "127.0.0.1" }),
    metricsPort: integer("METRICS_PORT", "Port of health and metrics; 0 picks a free one.", {
      min: 0,
      max: 65_535,
      otherwise: 8627,
    }),
    logLevel: choice("LOG_LEVEL", "How much the log says.", logLevels, { otherwise: "info" }),
    graceMs: duration("GRACE", "How long work in hand may go on after SIGTERM.", {
      min: "0s",
      max: "15m",
      otherwise: "20s",
    }),
  };
}
