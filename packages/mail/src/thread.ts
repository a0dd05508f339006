/** Where an answer stands in its thread (RFC 5322 section 3.6.4). */
import { isMessageId } from "./message-fields.ts";
import type { ParsedMessage } from "./parsed-message.ts";

export interface Thread {
  /** Absent where the message has no Message-ID that can be referred to. */
  readonly inReplyTo?: string;
  /** Oldest first, each once, the message itself last. */
  readonly references: readonly string[];
}

export const threadLimits = {
  /** Of these the first and the newest are kept: the first names the thread, the newest its end. */
  references: 20,
} as const;

/**
 * The In-Reply-To and References of an answer: the message's own References (else its In-Reply-To, where it names just
 * one) and then its Message-ID. What is no Message-ID, and what would make a header too long, is left out.
 */
export function threadOf({
  messageId,
  references,
  inReplyTo,
}: Pick<ParsedMessage, "messageId" | "references" | "inReplyTo">): Thread {
  const self = messageId !== undefined && isMessageId(messageId) ? messageId : undefined;
  const earlier = references.length > 0 ? references : inReplyTo.length === 1 ? inReplyTo : [];
  const chain = [...new Set(earlier)].filter((id) => id !== self && isMessageId(id));
  if (self !== undefined) chain.push(self);
  const [first] = chain;
  const bounded =
    first === undefined || chain.length <= threadLimits.references
      ? chain
      : [first, ...chain.slice(1 - threadLimits.references)];
  return self === undefined ? { references: bounded } : { inReplyTo: self, references: bounded };
}
