import type { FetchMessageObject } from "imapflow";
import { sizeLimits } from "./limits.ts";
import type { Answer, Line, Refusal } from "./line.ts";
import { batchesOf, sequenceSet } from "./listing.ts";

/** Thrown where a message has gone while its content was read, so that nobody takes a part for the whole. */
export class MessageGoneError extends Error {
  constructor(uid: number, detail: string) {
    super(`message ${uid} has gone while it was read: ${detail}`);
    this.name = "MessageGoneError";
  }
}

/** Where a message stands in its folder. */
export interface Place {
  readonly uid: number;
  readonly flags: readonly string[];
  /** When it arrived, says the server. */
  readonly arrivedAt: Date;
  readonly sizeBytes: number;
}

/** A message as it lies in the folder: all of it where it has at most `pieceBytes`, else its beginning. */
export interface FetchedMessage extends Place {
  /** From its first byte. */
  readonly bytes: Buffer;
  readonly isWhole: boolean;
}

/**
 * Reads messages, in the order of their UIDs, and gives each to `take`, which must not use the connection. What has gone
 * meanwhile, or what the server leaves out, is not given. Nothing is marked as seen.
 */
export async function fetchMessages(
  line: Line,
  uids: readonly number[],
  take: (message: FetchedMessage) => void,
): Promise<Refusal | undefined> {
  for (const some of batchesOf(uids, sizeLimits.messagesPerFetch)) {
    const asked = new Set(some);
    const query = { ...placeQuery, source: { start: 0, maxLength: sizeLimits.pieceBytes } };
    const refusal = await fetchRows(line, some, query, line.limits.contentMs, (row) => {
      const place = placeOf(row);
      if (!place || !row.source || !asked.delete(place.uid)) return;
      // A server may ignore the bound and give all of it.
      const bytes =
        row.source.length > sizeLimits.pieceBytes ? row.source.subarray(0, sizeLimits.pieceBytes) : row.source;
      // The size is the server's word; what came is what counts.
      take({ ...place, bytes, isWhole: row.source.length < sizeLimits.pieceBytes });
    });
    if (refusal) return refusal;
  }
  return undefined;
}

/** Where messages stand now: their flags, for one; those that have gone are left out. */
export async function fetchPlaces(line: Line, uids: readonly number[]): Promise<Answer<readonly Place[]>> {
  const places: Place[] = [];
  for (const some of batchesOf(uids, sizeLimits.uidsPerCommand)) {
    const asked = new Set(some);
    const refusal = await fetchRows(line, some, placeQuery, line.limits.commandMs, (row) => {
      const place = placeOf(row);
      if (place && asked.delete(place.uid)) places.push(place);
    });
    if (refusal) return refusal;
  }
  return { ok: true, value: places };
}

/**
 * The content of one message, piece by piece, each with its own time limit; it ends where the message does, or after
 * `maxBytes`. Rejects with a `MessageGoneError` where the message is no longer there.
 */
export async function* fetchContent(line: Line, uid: number, maxBytes: number): AsyncGenerator<Buffer, void> {
  for (let start = 0; start < maxBytes; ) {
    const maxLength = Math.min(sizeLimits.pieceBytes, maxBytes - start);
    let piece: Buffer | undefined;
    const query = { uid: true, source: { start, maxLength } };
    const refusal = await fetchRows(line, [uid], query, line.limits.contentMs, (row) => {
      if (row.uid === uid && row.source) piece = row.source;
    });
    if (refusal || piece === undefined) throw new MessageGoneError(uid, refusal?.detail ?? "no content came");
    const wanted: Buffer = piece;
    if (wanted.length > 0) yield wanted.subarray(0, maxBytes - start);
    // Less than was asked for is the end; more is the answer of a server that ignores the bounds, and is all of it.
    if (wanted.length !== maxLength) return;
    start += wanted.length;
  }
}

const placeQuery = { uid: true, flags: true, internalDate: true, size: true } as const;

async function fetchRows(
  line: Line,
  uids: readonly number[],
  query: Parameters<Line["client"]["fetch"]>[1],
  limitMs: number,
  take: (row: FetchMessageObject) => void,
): Promise<Refusal | undefined> {
  const answer = await line.command(
    "FETCH",
    async () => {
      for await (const row of line.client.fetch(sequenceSet(uids), query, { uid: true })) take(row);
      return true;
    },
    limitMs,
  );
  return answer.ok ? undefined : answer;
}

/** Undefined for what is no answer to our question: servers tell of other messages' flags in between. */
function placeOf({ uid, flags, internalDate, size }: FetchMessageObject): Place | undefined {
  if (!uid || !flags || size === undefined) return undefined;
  const arrivedAt = new Date(internalDate ?? Number.NaN);
  return {
    uid,
    flags: [...flags],
    arrivedAt: Number.isNaN(arrivedAt.getTime()) ? new Date() : arrivedAt,
    sizeBytes: Number(size),
  };
}
