/** What a person reads of a message: the text and the HTML of its inline parts (RFC 2046 section 5.1). */
import { parsedLimits } from "@mailfleet/mail";
import { decodeCharset } from "./charset.ts";
import { unflow } from "./flowed.ts";
import { htmlText } from "./html-text.ts";
import { parseLimits } from "./parse-limits.ts";
import { bodyText, cutAt } from "./plain-text.ts";
import type { Part } from "./structure.ts";
import { decodeBody } from "./transfer-encoding.ts";

export interface BodyTexts {
  readonly text: string;
  readonly html?: string;
}

/** Whether a part without children is shown as part of the message, rather than offered as a file. */
export function isBodyPart(part: Part, isRoot: boolean): boolean {
  if (part.contentType !== "text/plain" && part.contentType !== "text/html") return false;
  if (part.disposition === undefined || part.disposition.value === "") return true;
  if (part.disposition.value !== "inline") return false;
  return isRoot || !part.disposition.parameters.has("filename"); // Some mailers send text files inline.
}

/** Reads them; codes of what had to be left out are added to `cuts`. */
export function readBodyTexts(root: Part, cuts: Set<string>): BodyTexts {
  const left: Record<"text" | "html" | "htmlToText", number> = {
    text: parsedLimits.textLength,
    html: parsedLimits.htmlLength,
    htmlToText: parseLimits.htmlToTextLength,
  };

  const read = (part: Part): Partial<BodyTexts> => {
    if (part.contentType.startsWith("multipart/")) {
      const children = part.children.map(read).filter(({ text, html }) => text !== undefined || html !== undefined);
      return part.contentType === "multipart/alternative" ? chooseBest(children) : inSequence(children, asText);
    }
    if (!isBodyPart(part, part === root)) return {};
    const kind = part.contentType === "text/html" ? "html" : "text";
    if (left[kind] === 0) {
      if (part.body.length > 0) cuts.add(`${kind}_cut`);
      return {};
    }
    const text = readText(part, left[kind], kind, cuts);
    left[kind] -= text.length;
    return text.trim() === "" ? {} : { [kind]: text };
  };

  const asText = (html: string): string => {
    const read = htmlText(html, left.htmlToText);
    left.htmlToText = Math.max(0, left.htmlToText - html.length);
    for (const cut of read.cuts) cuts.add(cut);
    return bodyText(read.text);
  };

  const { text, html } = read(root);
  const whole = text ?? (html === undefined ? "" : asText(html));
  if (whole.length > parsedLimits.textLength) cuts.add("text_cut");
  if (html !== undefined && html.length > parsedLimits.htmlLength) cuts.add("html_cut");
  return {
    text: cutAt(whole, parsedLimits.textLength),
    ...(html === undefined ? {} : { html: cutAt(html, parsedLimits.htmlLength) }),
  };
}

/** Of an alternative the last of each kind, which is the richest. */
function chooseBest(children: readonly Partial<BodyTexts>[]): Partial<BodyTexts> {
  const text = children.findLast((child) => child.text !== undefined)?.text;
  const html = children.findLast((child) => child.html !== undefined)?.html;
  return { ...(text === undefined ? {} : { text }), ...(html === undefined ? {} : { html }) };
}

/** One after another. Where only some are of a kind, such as an HTML letter and a list's footer, the others become it. */
function inSequence(children: readonly Partial<BodyTexts>[], asText: (html: string) => string): Partial<BodyTexts> {
  const text = children.some((child) => child.text !== undefined)
    ? children.map((child) => child.text ?? asText(child.html ?? "")).join("\n")
    : undefined;
  const html = children.some((child) => child.html !== undefined)
    ? children.map((child) => child.html ?? asHtml(child.text ?? "")).join("\n")
    : undefined;
  return { ...(text === undefined ? {} : { text }), ...(html === undefined ? {} : { html }) };
}

const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
const asHtml = (text: string): string =>
  `<div>${text.replace(/[&<>"]/g, (c) => entities[c]!).replaceAll("\n", "<br>\n")}</div>`;

/** No charset needs more than four bytes for a UTF-16 unit, escapes aside. */
const bytesPerUnit = 4;

function readText(part: Part, length: number, kind: "text" | "html", cuts: Set<string>): string {
  const bytes = decodeBody(part.body, part.encoding);
  const most = length * bytesPerUnit;
  const { text, known } = decodeCharset(bytes.subarray(0, most), part.parameters.get("charset"));
  if (!known) cuts.add("charset_unknown");
  if (bytes.length > most || text.length > length) cuts.add(`${kind}_cut`);
  const plain = bodyText(cutAt(text, length));
  const isFlowed = kind === "text" && part.parameters.get("format")?.toLowerCase() === "flowed";
  return isFlowed ? unflow(plain, part.parameters.get("delsp")?.toLowerCase() === "yes") : plain;
}
