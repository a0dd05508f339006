import type { ParsedAttachment } from "@mailfleet/mail";
import { parseLimits, parserLimits } from "./parse-limits.ts";
import type { ParseOrder } from "./parse-process.ts";
import { type ExtractResult, type ParseProblem, type ParseResult, refusal } from "./parse-result.ts";
import { openProcessPool } from "./process-pool.ts";
import type { WantedContents } from "./read-message.ts";

export interface ParserOptions {
  readonly processes?: number;
  /** A message that takes longer ends as `timeout`. */
  readonly messageMs?: number;
  readonly heapMb?: number;
  /** A larger message is refused without a look. */
  readonly sizeBytes?: number;
  readonly waiting?: number;
}

export interface Parser extends AsyncDisposable {
  /**
   * Reads one message. What the message is to blame for is a result; throws where no process starts, and where the
   * parser is closed before it is done. `bytes` must not change until then. Without `contents`, attachments are
   * described only.
   */
  parse(bytes: Uint8Array, options?: { readonly contents?: WantedContents }): Promise<ParseResult>;
  /** One attachment with its content, by its number in the parsed message. */
  extractAttachment(bytes: Uint8Array, number: number): Promise<ExtractResult>;
}

/** Opens a parser; its processes start with the first messages. Limits that are absent are `parseLimits` and `parserLimits`. */
export function openParser({
  processes = parserLimits.processes,
  messageMs = parserLimits.messageMs,
  heapMb = parserLimits.heapMb,
  sizeBytes = parseLimits.sizeBytes,
  waiting = parserLimits.waiting,
}: ParserOptions = {}): Parser {
  const pool = openProcessPool<ParseResult>({
    entry: new URL(import.meta.url.endsWith(".ts") ? "./parse-process.ts" : "./parse-process.js", import.meta.url),
    processes,
    jobMs: messageMs,
    startMs: parserLimits.startMs,
    heapMb,
    waiting,
  });

  const parse = async (bytes: Uint8Array, wanted: WantedContents): Promise<ParseResult> => {
    if (bytes.length > sizeBytes) return refusal("too_large", `A message has at most ${sizeBytes} bytes.`);
    const order: ParseOrder = { bytes, wanted };
    const outcome = await pool.run(order);
    return outcome.kind === "done" ? outcome.answer : refusal(outcome.kind, details[outcome.kind]);
  };

  return {
    parse: (bytes, { contents = false } = {}) => parse(bytes, contents),
    async extractAttachment(bytes, number) {
      const result = await parse(bytes, [number]);
      if (!result.ok) return result;
      const attachment = result.message.attachments[number];
      return attachment && hasContent(attachment)
        ? { ok: true, attachment }
        : { ok: false, code: "no_such_attachment", detail: "The message has no attachment of this number." };
    },
    [Symbol.asyncDispose]: () => pool[Symbol.asyncDispose](),
  };
}

const hasContent = (attachment: ParsedAttachment): attachment is ParsedAttachment & { readonly content: Uint8Array } =>
  attachment.content !== undefined;

const details = {
  timeout: "Reading the message took too long.",
  out_of_memory: "Reading the message took too much memory.",
  crashed: "The process that read the message ended, twice.",
  busy: "Too many messages wait to be read.",
} as const satisfies Partial<Record<ParseProblem, string>>;
