/**
 * Reading the values of fields that nobody vouches for: comments, quotes, tokens and encoded words (RFC 5322 section
 * 3.2, RFC 2045 section 5.1, RFC 2047). Linear in the length of the value, and never throwing.
 */
import type { ParsedField } from "./parsed-message.ts";

/** Longer values are read up to here: no field that matters to us has more to say. */
export const fieldTextLimit = 8_192;

/** The values of a field, in its name's any case and the header's order. */
export function valuesOf(fields: readonly ParsedField[], name: string): readonly string[] {
  const lower = name.toLowerCase();
  return fields.filter((field) => field.name.toLowerCase() === lower).map(({ value }) => value);
}

/**
 * The value without its comments, which nest; undefined where a comment or a quoted string does not close, so that
 * whoever trusts the value can refuse it.
 */
export function withoutComments(value: string): string | undefined {
  let kept = "";
  let depth = 0;
  let quoted = false;
  for (let i = 0; i < value.length; i++) {
    const c = value[i]!;
    if (c === "\\" && (quoted || depth > 0)) {
      if (depth === 0) kept += value.slice(i, i + 2);
      i++;
    } else if (depth === 0 && c === '"') {
      quoted = !quoted;
      kept += c;
    } else if (!quoted && c === "(") {
      depth++;
    } else if (!quoted && depth > 0 && c === ")") {
      if (--depth === 0) kept += " ";
    } else if (depth === 0) {
      kept += c;
    }
  }
  return depth > 0 || quoted ? undefined : kept;
}

/**
 * The first word of a value, in lower case: what such fields as Auto-Submitted and Precedence say before comments,
 * parameters and lists. Encoded words are decoded, although they have no place there.
 */
export function firstToken(value: string): string {
  const text = decodeWords(value.slice(0, fieldTextLimit));
  return /^[^\s;,("]+/.exec((withoutComments(text) ?? text).trim())?.[0]?.toLowerCase() ?? "";
}

const encodedWord = /=\?([^?\s]{1,40})\?([bq])\?([^?\s]{0,1000})\?=/gi;

/** The value with its encoded words decoded, as far as their character sets are known. */
export function decodeWords(value: string): string {
  if (!value.includes("=?")) return value;
  return value
    .replace(/(\?=)[ \t\r\n]+(?==\?)/g, "$1")
    .replace(encodedWord, (whole, charset: string, encoding: string, text: string) => {
      const bytes =
        encoding.toLowerCase() === "b"
          ? Buffer.from(text, "base64")
          : Buffer.from(
              text.replaceAll("_", " ").replace(/=([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(parseInt(hex, 16))),
              "latin1",
            );
      try {
        return new TextDecoder(charset.split("*")[0]!).decode(bytes);
      } catch {
        return whole; // A character set that this Node does not know.
      }
    });
}

/** A line that may be logged, stored and shown: no control characters, no broken Unicode, no longer than asked. */
export function plainLine(text: string, maxLength: number): string {
  return (
    text
      .slice(0, maxLength * 2)
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it takes out.
      .replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\p{Bidi_Control}]+/gu, " ")
      .toWellFormed()
      .replace(/\ufffd+/g, " ")
      .replace(/ {2,}/g, " ")
      .trim()
      .slice(0, maxLength)
      .replace(/[\ud800-\udbff]$/, "")
      .trimEnd()
  );
}
