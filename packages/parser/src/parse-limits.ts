/**
 * What one message may cost. Real mail stays far below all of them; what exceeds one was made to be expensive, and is
 * refused by a count, before anything is decoded.
 */
export const parseLimits = {
  /** Of a whole message: 25 MB of mail as most hosts count it. More is refused without a look. */
  sizeBytes: 26 * 1_048_576,
  parts: 1_000,
  /** Multiparts within multiparts. */
  depth: 20,
  /** Of the headers of all parts together; the message's own header has `headerLimits`. */
  partHeadersBytes: 524_288,
  /** Of one Content-Type or Content-Disposition, continuations (RFC 2231) counted each. */
  parameters: 200,
  /** RFC 2046 section 5.1.1 has 70. */
  boundaryLength: 200,
  /** Read of one address field's values; the rest is left out. */
  addressesLength: 65_536,
  addresses: 1_000,
  nameLength: 255,
  subjectLength: 998,
  filenameLength: 255,
  messageIdLength: 255,
  /** Of all HTML that is turned into text; the rest is left out of the text. */
  htmlToTextLength: 500_000,
  /** Elements that lie open in HTML; deeper HTML loses its tags and keeps its words. */
  htmlDepth: 1_000,
  /** Quotes and lists that lie open in HTML: each is written at the beginning of every line in it. */
  htmlIndents: 30,
} as const;

/** What the processes may cost. */
export const parserLimits = {
  processes: 2,
  /** Time for one message, before its process is killed. */
  messageMs: 5_000,
  /** Time for a process to load its code. */
  startMs: 30_000,
  /** JavaScript heap of one process. */
  heapMb: 256,
  /** Messages that wait for a process; the next is answered `busy`. */
  waiting: 1_000,
} as const;
