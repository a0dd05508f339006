/**
 * How long each phase of a session may take, as a whole: a next hop that drips a byte a second is cut off just as one
 * that says nothing. All in milliseconds.
 */
export interface TimeLimits {
  /** Looking up the host's addresses. */
  readonly dnsMs: number;
  /** From the first SYN to a connection, over all addresses of the host. */
  readonly connectMs: number;
  /** The TLS handshake, where TLS comes first; with STARTTLS it is part of `ehloMs`. */
  readonly tlsMs: number;
  /** From the connection to the whole greeting. */
  readonly greetingMs: number;
  /** EHLO, STARTTLS with its handshake, and EHLO again. */
  readonly ehloMs: number;
  readonly authMs: number;
  /** One reply to MAIL, RCPT, DATA or RSET. */
  readonly commandMs: number;
  /** All replies from MAIL to DATA, however many recipients there are. */
  readonly envelopeMs: number;
  /** From 354 to the final dot. */
  readonly contentMs: number;
  /** How long the next hop may take nothing more of the content. */
  readonly contentStallMs: number;
  /** From the final dot to the whole reply (RFC 5321 section 4.5.3.2.6: 10 minutes). */
  readonly finalDotMs: number;
  /** How long a connection is kept without mail, before it is left with QUIT. */
  readonly idleMs: number;
  /** How long the next hop may take to close after QUIT. */
  readonly quitMs: number;
}

/** RFC 5321 section 4.5.3.2 asks for minutes; a lane is worth more than a next hop's fifth minute of silence. */
export const defaultTimeLimits: TimeLimits = {
  dnsMs: 10_000,
  connectMs: 30_000,
  tlsMs: 30_000,
  greetingMs: 60_000,
  ehloMs: 60_000,
  authMs: 60_000,
  commandMs: 120_000,
  envelopeMs: 300_000,
  contentMs: 600_000,
  contentStallMs: 180_000,
  finalDotMs: 600_000,
  idleMs: 30_000,
  quitMs: 2_000,
};
