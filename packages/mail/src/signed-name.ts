/**
 * Names of deliveries that leave the house and come back: signed, so that a forged one names nothing, and made of
 * letters, digits and one hyphen, so that they survive whatever carries them. Letters may change their case on the way.
 */
import { timingSafeEqual } from "node:crypto";

const alphabet = "abcdefghijklmnopqrstuvwxyz234567";
const signatureChars = 16;
const pattern = /^([a-z2-7]{26})-([a-z2-7]{16})$/;

/** Gives at least 10 bytes, such as an HMAC. */
export type Sign = (text: string) => Uint8Array;

/** `<delivery>-<signature>`. `purpose` keeps a name made for one use from being taken for another. */
export function signedName(deliveryUid: string, purpose: string, sign: Sign): string {
  const name = base32(Buffer.from(deliveryUid.replaceAll("-", ""), "hex"));
  return `${name}-${signatureOf(purpose + name, sign)}`;
}

/** The delivery of a name that one of our keys has signed for this purpose; else undefined. */
export function deliveryOfSignedName(text: string, purpose: string, signers: readonly Sign[]): string | undefined {
  const [, name, signature] = pattern.exec(text.toLowerCase()) ?? [];
  if (name === undefined || signature === undefined) return undefined;
  const given = Buffer.from(signature);
  if (!signers.some((sign) => timingSafeEqual(Buffer.from(signatureOf(purpose + name, sign)), given))) return undefined;
  const hex = fromBase32(name).toString("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`;
}

function signatureOf(text: string, sign: Sign): string {
  const signature = base32(sign(text)).slice(0, signatureChars);
  if (signature.length < signatureChars) throw new TypeError("a signature that is too short");
  return signature;
}

/** RFC 4648 section 6, in lower case and without padding. */
function base32(bytes: Uint8Array): string {
  let text = "";
  let held = 0;
  let bits = 0;
  for (const byte of bytes) {
    held = (held << 8) | byte;
    for (bits += 8; bits >= 5; bits -= 5) text += alphabet[(held >>> (bits - 5)) & 31];
    held &= (1 << bits) - 1;
  }
  return bits > 0 ? text + alphabet[(held << (5 - bits)) & 31] : text;
}

function fromBase32(text: string): Buffer {
  const bytes: number[] = [];
  let held = 0;
  let bits = 0;
  for (const char of text) {
    held = (held << 5) | alphabet.indexOf(char);
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push((held >>> bits) & 255);
    held &= (1 << bits) - 1;
  }
  return Buffer.from(bytes);
}
