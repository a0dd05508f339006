/**
 * Content-Transfer-Encodings (RFC 2045 section 6), decoded leniently and in one pass: whatever is no part of the
 * encoding is skipped or kept, and nothing throws.
 */

/** A copy of the body, decoded; an unknown encoding is none. */
export function decodeBody(body: Uint8Array, encoding: string): Uint8Array<ArrayBuffer> {
  if (encoding === "base64") return decodeBase64(body);
  if (encoding === "quoted-printable") return decodeQuotedPrintable(body);
  return new Uint8Array(body);
}

const LF = 10;
const CR = 13;
const EQUALS = 61;

const sextets = new Int8Array(256).fill(-1);
for (const [value, c] of [..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"].entries()) {
  sextets[c.charCodeAt(0)] = value;
}

/** Padding ends a group, not the body: some mailers pad each line. */
function decodeBase64(body: Uint8Array): Uint8Array<ArrayBuffer> {
  const decoded = new Uint8Array(Math.ceil((body.length * 3) / 4));
  let length = 0;
  let bits = 0;
  let held = 0;
  for (let i = 0; i < body.length; i++) {
    const byte = body[i]!;
    const sextet = sextets[byte]!;
    if (sextet >= 0) {
      bits = ((bits << 6) | sextet) & 0xff_ffff;
      held += 6;
      if (held >= 8) {
        held -= 8;
        decoded[length++] = (bits >> held) & 0xff;
      }
    } else if (byte === EQUALS) {
      held = 0;
    }
  }
  return decoded.slice(0, length);
}

const nibble = (byte: number | undefined): number => {
  if (byte === undefined) return -1;
  if (byte >= 48 && byte <= 57) return byte - 48;
  const upper = byte & 0xdf;
  return upper >= 65 && upper <= 70 ? upper - 55 : -1;
};

function decodeQuotedPrintable(body: Uint8Array): Uint8Array<ArrayBuffer> {
  const decoded = new Uint8Array(body.length);
  let length = 0;
  let visible = 0; // Where the line ends without the spaces that transport may have added (rule 3).
  for (let i = 0; i < body.length; i++) {
    const byte = body[i]!;
    if (byte === LF || (byte === CR && body[i + 1] === LF)) {
      length = visible;
      decoded[length++] = byte;
      if (byte === CR) decoded[length++] = body[++i]!;
      visible = length;
    } else if (byte === EQUALS) {
      const high = nibble(body[i + 1]);
      const low = high < 0 ? -1 : nibble(body[i + 2]);
      if (low >= 0) {
        decoded[length++] = (high << 4) | low;
        i += 2;
      } else {
        const next = softBreakEnd(body, i + 1);
        if (next < 0) decoded[length++] = byte;
        else i = next - 1;
      }
      visible = length;
    } else {
      decoded[length++] = byte;
      if (byte !== 32 && byte !== 9) visible = length;
    }
  }
  return decoded.slice(0, visible);
}

/** Where the next line begins, if nothing but a few spaces lies before it; -1 if this is no soft line break. */
function softBreakEnd(body: Uint8Array, from: number): number {
  const spaces = 80;
  for (let i = from; i < from + spaces; i++) {
    const byte = body[i];
    if (byte === undefined) return body.length;
    if (byte === LF) return i + 1;
    if (byte !== 32 && byte !== 9 && byte !== CR) return -1;
  }
  return -1;
}
