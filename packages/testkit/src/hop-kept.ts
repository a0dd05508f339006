/** One message that a next hop took responsibility for, with all its recipients. */
export interface KeptMessage {
  readonly reversePath: string;
  readonly recipients: readonly string[];
  /** The MAIL command as it came, and the RCPT commands. */
  readonly commands: readonly string[];
  /** With brackets; empty where there is none. */
  readonly messageId: string;
  /** Dots unstuffed; empty where the next hop does not keep content. */
  readonly content: Buffer;
  readonly at: Date;
}

/** How often a message was kept for a recipient: more than 1 is a duplicate. */
export interface KeptCount {
  readonly messageId: string;
  readonly recipient: string;
  readonly copies: number;
}

export interface Kept {
  readonly messages: readonly KeptMessage[];
  /** Messages and recipients: a message for two is two. */
  readonly deliveries: number;
  add(message: KeptMessage): void;
  counts(): KeptCount[];
  /** Resolves once `n` messages are kept; rejects after `withinMs`. */
  reaches(n: number, withinMs: number): Promise<readonly KeptMessage[]>;
}

/** Keeps whole messages up to `wholeLimit`, and counts all of them: under load only the counts matter. */
export function keep(wholeLimit: number): Kept {
  const messages: KeptMessage[] = [];
  const copies = new Map<string, number>();
  const waiting = new Set<() => void>();
  let deliveries = 0;
  let total = 0;
  return {
    messages,
    get deliveries() {
      return deliveries;
    },
    add(message) {
      total++;
      if (messages.length < wholeLimit) messages.push(message);
      for (const recipient of message.recipients) {
        const key = `${message.messageId}\n${recipient}`;
        copies.set(key, (copies.get(key) ?? 0) + 1);
        deliveries++;
      }
      for (const look of waiting) look();
    },
    counts: () =>
      [...copies].map(([key, count]) => {
        const [messageId = "", recipient = ""] = key.split("\n");
        return { messageId, recipient, copies: count };
      }),
    reaches(n, withinMs) {
      return new Promise((resolve, reject) => {
        const look = () => {
          if (total < n) return;
          clearTimeout(timer);
          waiting.delete(look);
          resolve(messages);
        };
        const timer = setTimeout(() => {
          waiting.delete(look);
          reject(new Error(`${total} of ${n} messages were kept within ${withinMs} ms`));
        }, withinMs);
        waiting.add(look);
        look();
      });
    },
  };
}
