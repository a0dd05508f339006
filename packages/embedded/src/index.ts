/**
 * A private PostgreSQL and a private Redis: real servers, on loopback, in a data folder.
 *
 * They are what Mailfleet runs on when it is told of no database and no Redis: on a laptop, and in tests.
 */
export { EmbeddedError, type EmbeddedErrorCode } from "./embedded-error.ts";
export { type EmbeddedPostgres, type EmbeddedPostgresOptions, startEmbeddedPostgres } from "./postgres.ts";
export { type PrivateRedis, type PrivateRedisOptions, startPrivateRedis } from "./redis.ts";
