import { strict as assert } from "node:assert";
import { addressKey, type Recipient } from "@mailfleet/mail";
import { type Refusal, transactionLimits } from "./delivery-target.ts";
import { tooManyRecipients } from "./replies.ts";

type Phase = "recipients" | "body" | "ended";

/** The order of a mail transaction's steps, and its recipients: what every target keeps the same way. */
export function transactionOrder() {
  let phase: Phase = "recipients";
  const recipients = new Map<string, Recipient>();

  return {
    /** The recipients in the order in which they were added. */
    recipients: (): readonly Recipient[] => [...recipients.values()],
    /** Whether this mailbox is there already. */
    has: (recipient: Recipient): boolean => recipients.has(addressKey(recipient.address)),
    add(recipient: Recipient): Refusal | undefined {
      assert(phase === "recipients", "a recipient after the body");
      const key = addressKey(recipient.address);
      if (recipients.has(key)) return undefined;
      if (recipients.size >= transactionLimits.recipients) return tooManyRecipients;
      recipients.set(key, recipient);
      return undefined;
    },
    beginBody(): void {
      assert(phase === "recipients", "a second body");
      assert(recipients.size > 0, "a body without recipients");
      phase = "body";
    },
    beginCommit(): void {
      assert(phase === "body", "a commit without a body");
      phase = "ended";
    },
    end(): void {
      phase = "ended";
      recipients.clear();
    },
  };
}
