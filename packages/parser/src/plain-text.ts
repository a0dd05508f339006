/** Text from mail, made fit to be stored, shown and written into a header again. */
import { decodeWords } from "postal-mime";

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for.
const lineControls = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: likewise, without tab and line feed.
const textControls = /[\u0000-\u0008\u000b-\u001f\u007f]/g;

/** A header's text with its encoded words decoded (RFC 2047): one line, well-formed, no control characters. */
export function headerText(value: string, length: number): { readonly text: string; readonly isCut: boolean } {
  const text = decodeWords(value).replace(lineControls, " ").trim().toWellFormed();
  return { text: cutAt(text, length), isCut: text.length > length };
}

/** Text of several lines: line feeds only, well-formed, no other control characters but tabs. */
export function bodyText(text: string): string {
  return text.replace(/\r\n?/g, "\n").replace(textControls, "").toWellFormed();
}

/** No more than `length` UTF-16 units, and no half of a pair. */
export function cutAt(text: string, length: number): string {
  return text.length <= length ? text : text.slice(0, length).replace(/[\ud800-\udbff]$/, "");
}

/** A file's name and nothing else: no folders, and no marks that make one name look like another. */
export function safeFilename(written: string, length: number): string | undefined {
  const { text } = headerText(written, 4 * length);
  const name = text
    .replace(/\p{Bidi_Control}/gu, "")
    .split(/[/\\]/)
    .at(-1)!
    .trim();
  return name === "" || name === "." || name === ".." ? undefined : cutAt(name, length);
}
