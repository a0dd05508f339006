/**
 * Where mail goes that arrives over SMTP or LMTP: the contract between a listener and what is behind it.
 *
 * The unit is the mail transaction (RFC 5321 section 3.3). What the mail system expects to go wrong is a reply, not an
 * exception; an exception means that the target cannot tell (the store is away), and nothing was accepted.
 */
import type { Envelope, Hop, Recipient, SmtpReply } from "@mailfleet/mail";

/** A reply of 4yz or 5yz: no, and why. */
export type Refusal = SmtpReply;

/** Who authenticated. */
export interface Submitter {
  readonly tenantId: string;
  /** The account that was named; the tenant's default serves where none was. */
  readonly account?: string;
}

/** What is known when a mail transaction begins. */
export interface Sender extends Omit<Envelope, "recipients" | "eightBit"> {
  /** Nobody where the listener takes mail without authentication (LMTP). */
  readonly submitter?: Submitter;
  /** What the message's trace field will say of this hop. */
  readonly hop: Omit<Hop, "forAddress" | "date">;
}

export type Started =
  | { readonly kind: "started"; readonly transaction: MailTransaction }
  | { readonly kind: "refused"; readonly reply: Refusal };

export interface DeliveryTarget {
  /** Begins a mail transaction, or says at once that nothing from this sender will be taken. */
  start(sender: Sender): Promise<Started>;
}

/**
 * One mail transaction. Nothing lasts before `commit`, and `abort` leaves nothing. Each step refuses what it can, so
 * that a client learns of it before it has sent the rest; a refused step changes nothing, and a refused body ends the
 * transaction as `abort` does.
 *
 * Steps come in order and one at a time: recipients, then the body, then `commit`. Another order is the listener's own
 * error, and throws.
 */
export interface MailTransaction {
  /** A mailbox that was added before is left as it was, whatever its case, and answered as it was. */
  addRecipient(recipient: Recipient): Promise<Refusal | undefined>;
  /** The whole content: CRLF line ends, dots unstuffed. The bytes are the target's from here on. */
  body(content: Uint8Array): Promise<Refusal | undefined>;
  /** Resolves once the message is where it cannot be lost, or refused for good. */
  commit(): Promise<Committed>;
  /** Leaves nothing. After `commit` it changes nothing. */
  abort(): Promise<void>;
}

/** How a transaction ended. */
export interface Committed {
  /** One answer for all recipients, as SMTP needs it. */
  readonly reply: SmtpReply;
  /** One for each recipient in their order, where the target can tell them apart and the protocol can say so (LMTP). */
  readonly perRecipient?: readonly SmtpReply[];
}

export const transactionLimits = {
  /** Recipients of one transaction (RFC 5321 section 4.5.3.1.8 asks for 100 at least). */
  recipients: 1_000,
  /** Received fields beyond which a message goes in circles (RFC 5321 section 6.3 asks for 100 at least to be let pass,
   * which was written for mail between strangers; a submission has hardly any). */
  received: 50,
} as const;
