import type { Envelope } from "@mailfleet/mail";
import type { SendingAccount, Transmission } from "@mailfleet/store";

/** The envelope as this account's next hop is told it: which reverse-path it carries is the account's to say. */
export function envelopeFor({ settings }: SendingAccount, { envelope }: Transmission): Envelope {
  const reversePath = reversePathFor(settings, envelope.reversePath);
  return reversePath === envelope.reversePath ? envelope : { ...envelope, reversePath };
}

function reversePathFor({ bounces, nullReversePath }: SendingAccount["settings"], reversePath: string): string {
  // A DSN's null reverse-path is replaced only where the next hop refuses it.
  if (reversePath === "") return nullReversePath ?? "";
  return bounces?.mode === "fixed" ? (bounces.address ?? reversePath) : reversePath;
}
