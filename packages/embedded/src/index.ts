/**
 * A private PostgreSQL, Redis and Dovecot: real servers, on loopback, in a data folder.
 *
 * They are what Mailfleet runs on when it is told of no database and no Redis: on a laptop, and in tests.
 */

export {
  type DovecotUser,
  type EmbeddedDovecot,
  type EmbeddedDovecotOptions,
  startEmbeddedDovecot,
} from "./dovecot.ts";
export type { DovecotPorts } from "./dovecot-settings.ts";
export { EmbeddedError, type EmbeddedErrorCode } from "./embedded-error.ts";
export { type EmbeddedPostgres, type EmbeddedPostgresOptions, startEmbeddedPostgres } from "./postgres.ts";
export { type PrivateRedis, type PrivateRedisOptions, startPrivateRedis } from "./redis.ts";
