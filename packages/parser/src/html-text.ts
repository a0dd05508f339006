/// <reference path="./html-to-text.d.ts" />
/** HTML as the text that a person reads in it. */
import { convert } from "html-to-text";
import { parseLimits } from "./parse-limits.ts";
import { cutAt } from "./plain-text.ts";

export interface HtmlText {
  readonly text: string;
  /** `html_text_cut`: only its beginning was read. `html_simplified`: too deep for a reading of its structure. */
  readonly cuts: readonly ("html_text_cut" | "html_simplified")[];
}

/** Reads the first `length` units, in a time that goes with their number. */
export function htmlText(html: string, length: number): HtmlText {
  const head = cutAt(html, length);
  const isDeep = isTooDeep(head);
  return {
    text: isDeep ? withoutTags(head) : convert(head, options).trim(),
    cuts: [
      ...(head.length < html.length ? (["html_text_cut"] as const) : []),
      ...(isDeep ? (["html_simplified"] as const) : []),
    ],
  };
}

const options = {
  wordwrap: false,
  limits: { maxInputLength: parseLimits.htmlToTextLength },
  selectors: [
    { selector: "img", format: "skip" },
    { selector: "a", options: { hideLinkHrefIfSameAsText: true, ignoreHref: false } },
    ...["h1", "h2", "h3", "h4", "h5", "h6"].map((selector) => ({ selector, options: { uppercase: false } })),
    { selector: "table", options: { uppercaseHeaderCells: false } },
  ],
} as const;

const voidElements = new Set("area base br col embed hr img input link meta param source track wbr".split(" "));

const indentedElements = new Set("blockquote ul ol dl".split(" "));

/**
 * Whether more elements lie open than the library can afford: 300,000 nested `<b>` cost it 9 s, 900 nested quotes 88 s.
 * Counts too many rather than too few, since an end tag without a start tag closes nothing here.
 */
function isTooDeep(html: string): boolean {
  const openOf = new Map<string, number>();
  let open = 0;
  let indents = 0;
  for (const [, slash, written] of html.matchAll(/<(\/?)([a-z][^\s/>]*)/gi)) {
    const name = written!.toLowerCase();
    if (voidElements.has(name)) continue;
    const ofName = openOf.get(name) ?? 0;
    if (slash !== "" && ofName === 0) continue;
    const change = slash === "" ? 1 : -1;
    openOf.set(name, ofName + change);
    open += change;
    if (indentedElements.has(name)) indents += change;
    if (open > parseLimits.htmlDepth || indents > parseLimits.htmlIndents) return true;
  }
  return false;
}

const entities: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', nbsp: " " };

const withoutTags = (html: string): string =>
  ["style", "script", "head", "title"]
    .reduce(withoutElement, html)
    .replace(/<[^<>]*>/g, " ")
    .replace(/&(amp|lt|gt|quot|nbsp);/g, (_, name: string) => entities[name]!)
    .replace(/[^\S\n]+/g, " ")
    .replace(/ ?\n[ \n]*/g, "\n")
    .trim();

/** An element that is not closed goes on to the end. A pattern would look for that end once for each beginning. */
function withoutElement(html: string, name: string): string {
  const lower = html.replace(/[A-Z]/g, (c) => c.toLowerCase());
  const kept: string[] = [];
  let at = 0;
  for (;;) {
    const start = lower.indexOf(`<${name}`, at);
    kept.push(html.slice(at, start < 0 ? html.length : start));
    if (start < 0) break;
    const end = lower.indexOf(`</${name}`, start);
    if (end < 0) break;
    at = end; // Its end tag goes with the other tags.
  }
  return kept.join("");
}
