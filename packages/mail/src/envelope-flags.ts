import { isAscii } from "node:buffer";

/** What a message needs of a next hop, read from its bytes. */
export interface EnvelopeFlags {
  /** RFC 6152: there are bytes above 127, in the header or the body. */
  readonly eightBit: boolean;
  /** RFC 6531: there are bytes above 127 in the header. */
  readonly headerIsUtf8: boolean;
}

/** Reads the flags; `bodyOffset` is where the header block ends (`readHeader`). */
export function envelopeFlags(bytes: Uint8Array, bodyOffset: number): EnvelopeFlags {
  const headerIsUtf8 = !isAscii(bytes.subarray(0, bodyOffset));
  return { headerIsUtf8, eightBit: headerIsUtf8 || !isAscii(bytes.subarray(bodyOffset)) };
}
