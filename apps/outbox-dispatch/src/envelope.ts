import { type Envelope, verpAddress } from "@mailfleet/mail";
import type { SendingAccount, Transmission } from "@mailfleet/store";

/** The envelope as this account's next hop is told it: which reverse-path it carries is the account's to say. */
export function envelopeFor(
  { settings }: SendingAccount,
  { envelope, deliveryUid }: Transmission,
  sign: (text: string) => Uint8Array,
): Envelope {
  const { bounces, nullReversePath } = settings;
  const { reversePath } = envelope;
  // A DSN's null reverse-path is replaced only where the next hop refuses it.
  if (reversePath === "")
    return nullReversePath === undefined ? envelope : { ...envelope, reversePath: nullReversePath };
  if (bounces?.mode === "fixed" && bounces.address !== undefined) return { ...envelope, reversePath: bounces.address };
  if (bounces?.mode === "verp" && bounces.domain !== undefined) {
    return { ...envelope, reversePath: verpAddress(deliveryUid, bounces.domain, sign) };
  }
  return envelope;
}
