import type { ParsedAttachment, ParsedMessage } from "@mailfleet/mail";

/**
 * Why a message was not read. All but `busy` are about the message, and would come out the same again:
 *
 * - `too_large`, `header_too_long`, `too_many_fields`, `too_many_parts`, `too_deep`, `too_many_parameters`: it exceeds a
 *   limit by count.
 * - `timeout`, `out_of_memory`, `crashed`: the process that read it had to be killed, or ended itself.
 * - `malformed`: reading it failed in a way that no count foresaw.
 * - `busy`: too many messages wait already; ask again later.
 */
export type ParseProblem =
  | "too_large"
  | "header_too_long"
  | "too_many_fields"
  | "too_many_parts"
  | "too_deep"
  | "too_many_parameters"
  | "timeout"
  | "out_of_memory"
  | "crashed"
  | "malformed"
  | "busy";

export interface ParseRefusal {
  readonly ok: false;
  readonly code: ParseProblem;
  /** For people; holds nothing of the message. */
  readonly detail: string;
}

export type ParseResult = { readonly ok: true; readonly message: ParsedMessage } | ParseRefusal;

export type ExtractResult =
  | { readonly ok: true; readonly attachment: ParsedAttachment & { readonly content: Uint8Array } }
  | ParseRefusal
  | { readonly ok: false; readonly code: "no_such_attachment"; readonly detail: string };

export const refusal = (code: ParseProblem, detail: string): ParseRefusal => ({ ok: false, code, detail });
