import { randomFillSync } from "node:crypto";
import { v7 } from "uuid";

const pattern = /^[A-Za-z0-9._~-]{1,128}$/;

/** Whether a text may be an id: letters, digits and `. _ ~ -`, at most 128; safe in a URL, a header and a log. */
export function isId(text: string): boolean {
  return pattern.test(text);
}

/** A new id: a UUID of version 7 (RFC 9562), so ids sort by time and indexes grow at one end. */
export function newId(): string {
  const random = nextRandom();
  const now = Date.now();
  if (now > lastMs) {
    lastMs = now;
    seq = ((random[0] as number) << 23) | ((random[1] as number) << 15);
  } else {
    seq++; // Ids of one millisecond sort too (RFC 9562, section 6.2).
  }
  return v7({ random, msecs: lastMs, seq });
}

let lastMs = 0;
let seq = 0;
const randomBytes = 16;
/** Drawn for 512 ids at a time: asking the system for each costs more than all the rest of an id. */
const pool = new Uint8Array(512 * randomBytes);
let used = pool.length;

function nextRandom(): Uint8Array {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += randomBytes;
  return pool.subarray(used - randomBytes, used);
}
