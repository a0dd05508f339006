/** How long each phase of a session may take. All in milliseconds. */
export interface ImapTimeLimits {
  /** Looking up the host, TCP, and TLS where it comes first. */
  readonly connectMs: number;
  /** From the connection to the greeting. */
  readonly greetingMs: number;
  /** From the first byte sent to being logged in: CAPABILITY, STARTTLS, AUTHENTICATE, ENABLE. */
  readonly loginMs: number;
  /** One command that carries no content. */
  readonly commandMs: number;
  /** One piece of content, of at most `sizeLimits.pieceBytes`, on its way; also one APPEND. */
  readonly contentMs: number;
  /** The whole of a large message, piece by piece: a server that trickles must not keep the memory that is held for it. */
  readonly downloadMs: number;
  /**
   * IDLE is begun anew after that long: well before the 30 minutes after which servers may log us out (RFC 2177), and
   * before the 5 minutes after which address translators forget a quiet connection.
   */
  readonly idleMs: number;
  /** How long the server may take to answer DONE; one that does not is dead. */
  readonly doneMs: number;
  /** How long the server may take to close after LOGOUT. */
  readonly logoutMs: number;
}

export const imapTimeLimits: ImapTimeLimits = {
  connectMs: 20_000,
  greetingMs: 20_000,
  loginMs: 60_000,
  commandMs: 60_000,
  contentMs: 120_000,
  downloadMs: 600_000,
  idleMs: 240_000,
  doneMs: 15_000,
  logoutMs: 2_000,
};

/** What one response may bring; beyond it the connection is ended, and nothing of it is kept. */
export const sizeLimits = {
  /** A line: a SEARCH response with about a million UIDs. */
  lineBytes: 8_388_608,
  /** What we ask for at a time of a message's content. */
  pieceBytes: 262_144,
  /** A literal: a piece, and what servers give that ignore the bounds they were asked for. */
  literalBytes: 16_777_216,
  responseBytes: 25_165_824,
  /** What we read of a message's header where its content is longer than a piece. */
  headerBytes: 262_144,
  /** UIDs in one command, so that its line stays below 8,000 octets (RFC 7162 section 4). */
  uidsPerCommand: 500,
  /** Messages in one FETCH of contents: at most 5 MiB in one command's time. */
  messagesPerFetch: 20,
} as const;
