import { strict as assert } from "node:assert";
import type { Recipient } from "@mailfleet/mail";
import { type Acceptance, type Acceptor, OverloadedError, type Submission } from "@mailfleet/store";
import type {
  Committed,
  DeliveryTarget,
  MailTransaction,
  Refusal,
  Sender,
  Started,
  Submitter,
} from "./delivery-target.ts";
import { accepted, overloaded, refusalOf, reply, storeAway } from "./replies.ts";
import { mayUse } from "./sender-policy.ts";
import { submissionOf } from "./submission-of.ts";
import { transactionOrder } from "./transaction-order.ts";

/** What a tenant may do, as known a second ago at most. */
export type SubmissionPolicy =
  | {
      readonly kind: "may_submit";
      /** Addresses and `@domains` that it may send as, each list for itself; any where there is none. */
      readonly senderLists: readonly (readonly string[])[];
    }
  | { readonly kind: "may_not_submit"; readonly reply: Refusal };

export interface OutboxTargetOptions {
  readonly acceptor: Pick<Acceptor, "accept">;
  /** Rejects where the store is away. */
  readonly policyOf: (submitter: Submitter) => Promise<SubmissionPolicy>;
  /** Called after the commit; what it does must not be able to fail what was accepted. */
  readonly onAccepted?: (acceptance: Extract<Acceptance, { kind: "accepted" }>, submission: Submission) => void;
  /** The store failed; the client was told to come back. */
  readonly onTrouble?: (error: unknown) => void;
  readonly now?: () => Date;
}

/** Mail that goes out: submissions (RFC 6409) of authenticated tenants, durable once `commit` resolves with a yes. */
export function outboxTarget(options: OutboxTargetOptions): DeliveryTarget {
  const { policyOf, onTrouble } = options;
  return {
    async start(sender: Sender): Promise<Started> {
      const { submitter, reversePath } = sender;
      if (!submitter) return { kind: "refused", reply: reply(530, "5.7.0", "Authentication required") };
      let policy: SubmissionPolicy;
      try {
        policy = await policyOf(submitter);
      } catch (error) {
        onTrouble?.(error);
        return { kind: "refused", reply: storeAway };
      }
      if (policy.kind === "may_not_submit") return { kind: "refused", reply: policy.reply };
      if (!mayUse(policy.senderLists, reversePath)) {
        return { kind: "refused", reply: reply(550, "5.7.1", "Not an address that this tenant may send as") };
      }
      return { kind: "started", transaction: begin(options, sender, submitter, policy.senderLists) };
    },
  };
}

function begin(
  { acceptor, onAccepted, onTrouble, now = () => new Date() }: OutboxTargetOptions,
  sender: Sender,
  submitter: Submitter,
  senderLists: readonly (readonly string[])[],
): MailTransaction {
  const order = transactionOrder();
  let submission: Submission | undefined;

  async function accept(made: Submission): Promise<Committed> {
    let acceptance: Acceptance;
    try {
      acceptance = await acceptor.accept(made);
    } catch (error) {
      if (error instanceof OverloadedError) return { reply: overloaded };
      onTrouble?.(error);
      return { reply: storeAway };
    }
    if (acceptance.kind === "refused") return { reply: refusalOf(acceptance) };
    onAccepted?.(acceptance, made);
    return { reply: accepted(acceptance.id) };
  }

  return {
    async addRecipient(recipient: Recipient) {
      return order.add(recipient);
    },
    async body(content: Uint8Array) {
      order.beginBody();
      const recipients = order.recipients();
      const made = submissionOf(content, { sender, submitter, recipients, senderLists, now: now() });
      if (made.kind === "refused") {
        order.end();
        return made.reply;
      }
      submission = made.submission;
      return undefined;
    },
    async commit() {
      order.beginCommit();
      const made = submission;
      assert(made, "a commit without a submission");
      submission = undefined;
      return accept(made);
    },
    async abort() {
      order.end();
      submission = undefined;
    },
  };
}
