/** The "relaxed" canonicalization of DKIM (RFC 6376 section 3.4), of content as it goes over the wire. */
import { createHash } from "node:crypto";

const cr = 13;
const lf = 10;
const space = 32;
const tab = 9;
const emptyLines = Buffer.alloc(4_096, "\r\n");

/** A field, line ends and all, one character per byte: name in lower case, unfolded, runs of white space as one. */
export function relaxedField(field: string): string {
  const colon = field.indexOf(":");
  const value = field
    .slice(colon + 1)
    .replace(/[\r\n]+/g, "")
    .replace(/[ \t]+/g, " ")
    .replace(/^ | $/g, "");
  return `${field.slice(0, colon).trimEnd().toLowerCase()}:${value}`;
}

export interface BodyHash {
  update(bytes: Uint8Array): void;
  /** Base64 of the SHA-256. */
  digest(): string;
}

/**
 * Hashes a body that comes in pieces. White space at the end of a line and empty lines at the end of the body do not
 * count. A bare CR or LF ends a line, since it goes out as CRLF.
 */
export function relaxedBodyHash(): BodyHash {
  const hash = createHash("sha256");
  let lineHasContent = false;
  let whiteSpace = false;
  let afterCr = false;
  let emptyLinesHeld = 0;

  return {
    update(bytes) {
      // A byte adds itself, and a space or half a line end that waited for it.
      const out = Buffer.allocUnsafe(bytes.length * 2 + 2);
      let to = 0;
      for (let at = 0; at < bytes.length; at++) {
        const byte = bytes[at]!;
        const endsLine = byte === cr || (byte === lf && !afterCr);
        afterCr = byte === cr;
        if (endsLine) {
          whiteSpace = false;
          if (!lineHasContent) {
            emptyLinesHeld++;
            continue;
          }
          lineHasContent = false;
          out[to++] = cr;
          out[to++] = lf;
        } else if (byte === space || byte === tab) whiteSpace = true;
        else if (byte !== lf) {
          if (emptyLinesHeld > 0) {
            hash.update(out.subarray(0, to));
            to = 0;
            for (; emptyLinesHeld > 0; emptyLinesHeld -= Math.min(emptyLinesHeld, emptyLines.length / 2)) {
              hash.update(emptyLines.subarray(0, emptyLinesHeld * 2));
            }
          }
          if (whiteSpace) out[to++] = space;
          whiteSpace = false;
          lineHasContent = true;
          out[to++] = byte;
        }
      }
      hash.update(out.subarray(0, to));
    },
    digest() {
      if (lineHasContent) hash.update("\r\n");
      return hash.digest("base64");
    },
  };
}
