import type { Recipient } from "@mailfleet/mail";
import type { DeliveryTarget, MailTransaction, Refusal, Sender } from "./delivery-target.ts";
import { accepted } from "./replies.ts";
import { transactionOrder } from "./transaction-order.ts";

/** A message as it was committed. */
export interface KeptMessage {
  readonly sender: Sender;
  readonly recipients: readonly Recipient[];
  readonly content: Uint8Array;
}

/** A target that keeps what is committed in memory, for tests and demonstrations: nothing in it is durable. */
export interface MemoryTarget extends DeliveryTarget {
  /** The oldest first. */
  readonly messages: readonly KeptMessage[];
}

/** `refuses` may say no to a recipient; `keep` is how many messages are kept before the oldest is forgotten. */
export function memoryTarget({
  refuses = () => undefined,
  keep = 1_000,
}: {
  readonly refuses?: (recipient: Recipient) => Refusal | undefined;
  readonly keep?: number;
} = {}): MemoryTarget {
  const messages: KeptMessage[] = [];
  let count = 0;

  function begin(sender: Sender): MailTransaction {
    const order = transactionOrder();
    let held: Uint8Array | undefined;
    return {
      async addRecipient(recipient) {
        if (order.has(recipient)) return undefined;
        return refuses(recipient) ?? order.add(recipient);
      },
      async body(content) {
        order.beginBody();
        held = content;
        return undefined;
      },
      async commit() {
        order.beginCommit();
        messages.push({ sender, recipients: order.recipients(), content: held as Uint8Array });
        if (messages.length > keep) messages.shift();
        const reply = accepted(`memory.${++count}`);
        return { reply, perRecipient: order.recipients().map(() => reply) };
      },
      async abort() {
        order.end();
        held = undefined;
      },
    };
  }

  return {
    messages,
    async start(sender) {
      return { kind: "started", transaction: begin(sender) };
    },
  };
}
