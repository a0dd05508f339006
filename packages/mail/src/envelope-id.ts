/**
 * Envelope identifiers of our own (ENVID, RFC 3461 section 4.4): a relay that knows DSN gives them back in every report
 * as Original-Envelope-Id, so that a report finds its delivery also where the reverse-path says nothing.
 */
import { deliveryOfSignedName, type Sign, signedName } from "./signed-name.ts";

const prefix = "mf-";
const purpose = "envid:";

/** The ENVID of a delivery: `mf-<delivery>-<signature>`, which is the same in xtext. */
export function envelopeIdOf(deliveryUid: string, sign: Sign): string {
  return prefix + signedName(deliveryUid, purpose, sign);
}

/** The delivery that an Original-Envelope-Id names, if one of our keys has signed it; else undefined. */
export function deliveryOfEnvelopeId(envelopeId: string, signers: readonly Sign[]): string | undefined {
  const text = envelopeId.trim().toLowerCase();
  return text.startsWith(prefix) ? deliveryOfSignedName(text.slice(prefix.length), purpose, signers) : undefined;
}
