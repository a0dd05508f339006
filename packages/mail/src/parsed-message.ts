/** A message as it was read from bytes that nobody vouches for; within limits, so that all of it may be held in memory. */
export interface ParsedMessage {
  /** With its angle brackets; absent where there is none, or none that is one. */
  readonly messageId?: string;
  /** Message-IDs with their angle brackets, oldest first; at most `parsedLimits.references`, the newest kept. */
  readonly inReplyTo: readonly string[];
  readonly references: readonly string[];
  readonly date?: Date;
  readonly from: readonly WrittenMailbox[];
  readonly replyTo: readonly WrittenMailbox[];
  readonly to: readonly WrittenMailbox[];
  readonly cc: readonly WrittenMailbox[];
  /** Decoded (RFC 2047); empty where there is none. */
  readonly subject: string;
  /** Every field of the top header in its order, unfolded, not decoded; what is no field is left out. */
  readonly fields: readonly ParsedField[];
  /** What a person reads: the text parts, or the HTML as text where there are none. */
  readonly text: string;
  readonly html?: string;
  readonly attachments: readonly ParsedAttachment[];
  /** What was left out because of a limit, as codes such as `text_cut`; empty where all of it is here. */
  readonly cuts: readonly string[];
}

export interface WrittenMailbox {
  readonly name?: string;
  readonly address: string;
}

export interface ParsedField {
  readonly name: string;
  readonly value: string;
}

export interface ParsedAttachment {
  /** Its place among the attachments; the first is 0. */
  readonly number: number;
  readonly filename?: string;
  /** Lower case, without parameters. */
  readonly contentType: string;
  /** Without its angle brackets. */
  readonly contentId?: string;
  readonly disposition: "attachment" | "inline";
  readonly sizeBytes: number;
  /** Decoded; absent where it was not asked for. */
  readonly content?: Uint8Array;
}

export const parsedLimits = { references: 100, textLength: 1_000_000, htmlLength: 2_000_000 } as const;
