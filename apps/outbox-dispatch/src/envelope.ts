import { type Envelope, envelopeIdOf, type Sign, verpAddress } from "@mailfleet/mail";
import type { SendingAccount, Transmission } from "@mailfleet/store";

/**
 * The envelope as this account's next hop is told it: which reverse-path it carries is the account's to say. Where the
 * submitter gave no ENVID it gets one of ours, by which a next hop that knows DSN tells us what its report is about.
 */
export function envelopeFor(account: SendingAccount, transmission: Transmission, sign: Sign): Envelope {
  const envelope = withReversePath(account, transmission, sign);
  // Nobody reports to the null reverse-path.
  if (envelope.reversePath === "" || envelope.envid !== undefined) return envelope;
  return { ...envelope, envid: envelopeIdOf(transmission.deliveryUid, sign) };
}

function withReversePath({ settings }: SendingAccount, { envelope, deliveryUid }: Transmission, sign: Sign): Envelope {
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
