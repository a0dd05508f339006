/**
 * Transparency of content (RFC 5321 section 4.5.2): a line that begins with a dot gets a second one.
 *
 * Bare CR and LF become CRLF on the way, since a next hop that takes them for line ends would see an end of the
 * content, and commands after it, where there are none (SMTP smuggling).
 */
const cr = 13;
const lf = 10;
const dot = 46;

/** Content below this is copied together with its end, so that it leaves in one write. */
const copiedBytes = 65_536;

/** A message's content in pieces: each as it must go over the wire, and at the end the final dot. */
export interface DotStuffing {
  piece(bytes: Uint8Array): Uint8Array;
  /** What comes after the last piece, final dot included. */
  end(): Uint8Array;
}

export function dotStuffing(): DotStuffing {
  let last = lf;
  return {
    piece(bytes) {
      const stuffed = stuff(bytes, last);
      if (bytes.length > 0) last = bytes[bytes.length - 1]!;
      return stuffed;
    },
    end: () => endAfter(last),
  };
}

/** Whole content as it goes over the wire, final dot included: one buffer where it is small, else two. */
export function stuffWhole(bytes: Uint8Array): readonly Uint8Array[] {
  const stuffed = stuff(bytes, lf);
  const end = endAfter(bytes.length > 0 ? bytes[bytes.length - 1]! : lf);
  if (stuffed.length > copiedBytes) return [stuffed, end];
  const all = Buffer.allocUnsafe(stuffed.length + end.length);
  all.set(stuffed);
  all.set(end, stuffed.length);
  return [all];
}

const endings = {
  afterLine: Buffer.from(".\r\n"),
  afterCr: Buffer.from("\n.\r\n"),
  withinLine: Buffer.from("\r\n.\r\n"),
};

function endAfter(last: number): Uint8Array {
  if (last === lf) return endings.afterLine;
  return last === cr ? endings.afterCr : endings.withinLine;
}

function stuff(bytes: Uint8Array, last: number): Uint8Array {
  const extra = countInserted(bytes, last);
  if (extra === 0) return bytes;
  const out = Buffer.allocUnsafe(bytes.length + extra);
  let to = 0;
  let before = last;
  for (const byte of bytes) {
    if (before === cr && byte !== lf) {
      out[to++] = lf;
      if (byte === dot) out[to++] = dot;
    } else if (byte === lf && before !== cr) out[to++] = cr;
    else if (byte === dot && before === lf) out[to++] = dot;
    out[to++] = byte;
    before = byte;
  }
  return out;
}

function countInserted(bytes: Uint8Array, last: number): number {
  let extra = 0;
  let before = last;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!;
    if (before === cr) {
      if (byte !== lf) extra += byte === dot ? 2 : 1;
    } else if (byte === lf) extra++;
    else if (byte === dot && before === lf) extra++;
    before = byte;
  }
  return extra;
}
