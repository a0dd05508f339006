/**
 * Fields whose values never reach the log, wherever callers put them. Addresses may stand in `recipient` and
 * `reversePath` only (and in `reason`, where a next hop speaks of its recipient); content may stand nowhere.
 */
const withheld = [
  "password",
  "pass",
  "secret",
  "secrets",
  "token",
  "accessToken",
  "refreshToken",
  "clientSecret",
  "privateKey",
  "key",
  "keys",
  "credentials",
  "auth",
  "authorization",
  "cookie",
  "databaseUrl",
  "redisUrl",
  "blobUrl",
  "content",
  "raw",
  "body",
  "text",
  "html",
  "subject",
  "attachments",
  "from",
  "to",
  "cc",
  "bcc",
  "envelope",
];

/** Paths for pino: each withheld field at the top, and one and two levels down. */
export const redactedPaths: readonly string[] = withheld.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]);

/** Takes user and password out of every URL in `text`: errors of drivers like to repeat what they connected to. */
export const withoutUrlCredentials = (text: string): string => text.replace(/(\w:\/\/)[^\s/@]*@/g, "$1[redacted]@");
