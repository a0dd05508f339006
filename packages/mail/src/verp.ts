/**
 * Variable envelope return paths: a reverse-path that names its delivery, so that a bounce finds it whatever the bounce says.
 * The name is signed, so that a forged bounce finds nothing.
 */
import { deliveryOfSignedName, type Sign, signedName } from "./signed-name.ts";

// The local part's `b+` tells it from other names.
const purpose = "";

/** The reverse-path of a delivery: `b+<delivery>-<signature>@<domain>`. */
export function verpAddress(deliveryUid: string, domain: string, sign: Sign): string {
  return `b+${signedName(deliveryUid, purpose, sign)}@${domain}`;
}

/** The delivery that a reverse-path names, if one of our keys has signed it; else undefined. */
export function deliveryOfVerp(address: string, signers: readonly Sign[]): string | undefined {
  const local = address.slice(0, address.lastIndexOf("@"));
  return /^b\+/i.test(local) ? deliveryOfSignedName(local.slice(2), purpose, signers) : undefined;
}
