/** What an SMTP client may ask of us. Every one of these ends in a reply, never in growing memory. */
export const smtpLimits = {
  /** Octets of one command line (RFC 5321 section 4.5.3.1.4, with room for DSN parameters and AUTH). */
  commandLength: 4_096,
  /** Commands before AUTH, after which a client is cut off. */
  unauthenticatedCommands: 20,
  /** From connecting until authenticated. */
  authenticateMs: 60_000,
  /** Silence (RFC 5321 section 4.5.3.2.7). */
  idleMs: 300_000,
  /** From 354 to the final dot, however the octets drip. */
  contentMs: 300_000,
  /** A whole session; it is ended between commands. */
  sessionMs: 3_600_000,
  messagesPerSession: 10_000,
  /** Replies of 5yz, after which a client is cut off. */
  errorsPerSession: 50,
  /** Replies of 4yz, likewise; a client that overshoots the recipients of a transaction gets many of them. */
  refusalsPerSession: 2_000,
  sessionsPerTenant: 500,
  /** Content of all sessions together, from its first octet until it is committed or refused. */
  contentBytes: 256 * 1024 * 1024,
  /** Of which one tenant may have so much, lest the others wait for it. */
  contentBytesPerTenant: 128 * 1024 * 1024,
  /** How often deadlines are looked at. */
  watchMs: 1_000,
} as const;

export type SmtpLimits = { readonly [K in keyof typeof smtpLimits]: number };
