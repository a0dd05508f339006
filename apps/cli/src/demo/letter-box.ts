/** A message that the demo next hop has taken. */
export interface KeptMessage {
  /** Counts from 1, in the order of arrival. */
  readonly number: number;
  readonly at: Date;
  /** Empty for the null reverse-path. */
  readonly reversePath: string;
  readonly recipients: readonly string[];
  /** The content as it came over the wire, dots unstuffed. */
  readonly content: Buffer;
}

/** What the demo next hop keeps, in memory only. */
export interface LetterBox {
  keep(message: Omit<KeptMessage, "number" | "at">): KeptMessage;
  /** Newest first. */
  list(): readonly KeptMessage[];
  get(number: number): KeptMessage | undefined;
  /** How many came, those already forgotten included; it changes whenever the list does. */
  count(): number;
}

/** The oldest are forgotten beyond either limit, so that a load test against the demo cannot eat the memory. */
export const letterBoxLimits = { messages: 500, bytes: 64 * 1024 * 1024 } as const;

export function createLetterBox(
  limits: { readonly messages: number; readonly bytes: number } = letterBoxLimits,
): LetterBox {
  const kept: KeptMessage[] = [];
  let count = 0;
  let bytes = 0;
  return {
    keep(message) {
      const whole = { ...message, number: ++count, at: new Date() };
      kept.push(whole);
      bytes += whole.content.length;
      while (kept.length > limits.messages || (bytes > limits.bytes && kept.length > 1)) {
        bytes -= kept.shift()!.content.length;
      }
      return whole;
    },
    list: () => kept.toReversed(),
    get: (number) => kept.find((message) => message.number === number),
    count: () => count,
  };
}
