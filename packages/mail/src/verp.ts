/**
 * Variable envelope return paths: a reverse-path that names its delivery, so that a bounce finds it whatever the bounce says.
 * The name is signed, so that a forged bounce finds nothing.
 */

const alphabet = "abcdefghijklmnopqrstuvwxyz234567";
const signatureChars = 16;
const pattern = /^b\+([a-z2-7]{26})-([a-z2-7]{16})$/;

/** The reverse-path of a delivery: `b+<delivery>-<signature>@<domain>`. `sign` gives at least 10 bytes, such as an HMAC. */
export function verpAddress(deliveryUid: string, domain: string, sign: (text: string) => Uint8Array): string {
  const name = base32(Buffer.from(deliveryUid.replaceAll("-", ""), "hex"));
  return `b+${name}-${signatureOf(name, sign)}@${domain}`;
}

/** The delivery that a reverse-path names, if one of our keys has signed it; else undefined. */
export function deliveryOfVerp(
  address: string,
  signers: readonly ((text: string) => Uint8Array)[],
): string | undefined {
  // Some relays change the case of local parts.
  const [, name, signature] = pattern.exec(address.slice(0, address.lastIndexOf("@")).toLowerCase()) ?? [];
  if (name === undefined || !signers.some((sign) => signatureOf(name, sign) === signature)) return undefined;
  const hex = fromBase32(name).toString("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`;
}

const signatureOf = (name: string, sign: (text: string) => Uint8Array): string =>
  base32(sign(name)).slice(0, signatureChars);

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
