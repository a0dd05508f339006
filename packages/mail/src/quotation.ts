/**
 * What an answer quotes of the message that it answers: its text alone, never its HTML, so that nothing of a
 * stranger's markup, images or links is passed on.
 */

import { formatDate } from "./field.ts";
import { plainLine } from "./field-text.ts";
import { escapeHtml } from "./html.ts";
import type { ParsedMessage } from "./parsed-message.ts";

export const quotationLimits = { lines: 400, length: 20_000 } as const;

/** Stands where a quotation was cut. */
const cutMark = "[...]";

/** The lines of the quotation and who wrote them. */
interface Quotation {
  readonly attribution: string;
  readonly lines: readonly string[];
}

/**
 * The quotation as text: an attribution line, and each line behind `> `, or behind `>` where it was quoted already
 * (RFC 3676 section 4.5). No line ends in a space, so none is taken for one that flows on. Lines end in LF; empty where
 * there is nothing to quote.
 */
export function quoteText(message: ParsedMessage): string {
  const { attribution, lines } = quotationOf(message);
  if (lines.length === 0) return "";
  return [attribution, ...lines.map((line) => `>${line === "" || line.startsWith(">") ? "" : " "}${line}`)].join("\n");
}

/** The same as HTML, every character that means something in it escaped; empty where there is nothing to quote. */
export function quoteHtml(message: ParsedMessage): string {
  const { attribution, lines } = quotationOf(message);
  if (lines.length === 0) return "";
  return `<p>${escapeHtml(attribution)}</p>\n<blockquote type="cite">\n${lines.map(escapeHtml).join("<br>\n")}\n</blockquote>`;
}

function quotationOf(message: ParsedMessage): Quotation {
  return { attribution: attributionOf(message), lines: boundedLines(message.text) };
}

/** `On Sun, 22 Nov 2026 10:00:00 +0000, Ann <ann@example.org> wrote:` */
function attributionOf({ date, from }: ParsedMessage): string {
  const [author] = from;
  const name = plainLine(author?.name ?? "", 100);
  const address = plainLine(author?.address ?? "", 254);
  const who = name && address ? `${name} <${address}>` : name || address || "you";
  const isDate = date !== undefined && !Number.isNaN(date.getTime());
  return isDate ? `On ${formatDate(date)}, ${who} wrote:` : `${who[0]!.toUpperCase()}${who.slice(1)} wrote:`;
}

function boundedLines(text: string): readonly string[] {
  const isCut = text.length > quotationLimits.length;
  const all = text
    .slice(0, quotationLimits.length)
    .toWellFormed()
    .split(/\r\n|[\n\r\u2028\u2029]/)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it takes out.
    .map((line) => line.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\p{Bidi_Control}]/gu, "").trimEnd());
  const lines = all.slice(0, quotationLimits.lines);
  while (lines[0] === "") lines.shift();
  while (lines.at(-1) === "") lines.pop();
  return isCut || all.length > quotationLimits.lines ? [...lines, cutMark] : lines;
}
