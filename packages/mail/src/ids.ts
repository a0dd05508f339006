import { v7 } from "uuid";

const pattern = /^[A-Za-z0-9._~-]{1,128}$/;

/** Whether a text may be an id: letters, digits and `. _ ~ -`, at most 128; safe in a URL, a header and a log. */
export function isId(text: string): boolean {
  return pattern.test(text);
}

/** A new id: a UUID of version 7 (RFC 9562), so ids sort by time and indexes grow at one end. */
export function newId(): string {
  return v7();
}
