/**
 * What of a model's words gets out: text, and links to allowed hosts. The model has no way to say anything else: no
 * recipient, header or attachment is read from its words, and the HTML is written by us.
 *
 * Everything taken out leaves the same mark, in no language, so that a reader sees that something stood there.
 */

import { escapeHtml } from "@mailfleet/mail";
import { type LinkRules, readyLinkRules } from "./link-policy.ts";
import { type Segment, scanLinks } from "./link-scan.ts";
import { cutText, plainText } from "./plain-characters.ts";
import type { RemovedCounts } from "./transcript.ts";

export interface CleanAnswer {
  /** Empty where nothing is left. */
  readonly text: string;
  readonly html: string;
  readonly removed: RemovedCounts;
}

/** The length is in UTF-16 units; links beyond the number are taken out like those that are not allowed. */
export const outputLimits = { textLength: 50_000, links: 20 } as const;

export const removedMark = "[…]";

export function cleanAnswer(written: string, rules: LinkRules): CleanAnswer {
  const { text: seen, removed: characters } = plainText(cutText(written, outputLimits.textLength));
  const { text, pictures } = withoutMarkup(seen);
  const segments = limitLinks(scanLinks(readyLinkRules(rules), text.trim()));
  const count = (what: "link" | "address") =>
    segments.filter((segment) => segment.kind === "removed" && segment.what === what).length;
  const removed = {
    links: count("link"),
    addresses: count("address"),
    pictures,
    characters,
    cut: written.length > outputLimits.textLength,
  };
  const nothing = segments.every((segment) => segment.kind !== "link" && wordless(segment));
  return nothing
    ? { text: "", html: "", removed }
    : { text: renderText(segments), html: renderHtml(segments), removed };
}

/** For what is shown to people elsewhere, such as a note: the same policy, as text and shorter. */
export const cleanNote = (written: string, rules: LinkRules, length: number): string =>
  cutText(cleanAnswer(written, rules).text.replace(/\s+/g, " "), length);

const wordless = (segment: Segment): boolean => segment.kind !== "text" || !/[\p{L}\p{N}\p{S}]/u.test(segment.text);

/** Pictures leave their words; links leave their words and, for the scan to judge, their address. */
function withoutMarkup(text: string): { text: string; pictures: number } {
  let pictures = 0;
  const plain = text
    .replace(/!\[([^[\]\n]{0,300})\]\([^()\n]{0,2000}\)/g, (_, words: string) => {
      pictures++;
      return `${words} ${removedMark}`.trimStart();
    })
    .replace(
      /\[([^[\]\n]{0,300})\]\(<?([^()<>\s]{1,2000})>?(?:[ \t]+"[^"\n]{0,300}")?\)/g,
      (_, words: string, target: string) => (words === "" || words === target ? target : `${words} (${target})`),
    );
  return { text: plain, pictures };
}

function limitLinks(segments: readonly Segment[]): readonly Segment[] {
  let links = 0;
  return segments.map((segment) =>
    segment.kind === "link" && ++links > outputLimits.links ? { kind: "removed", what: "link" } : segment,
  );
}

/** Old mail programs take such a line for the beginning of an attachment in uuencode or yEnc; a space before it helps. */
const encodedFile = /^(?=begin(?:-base64)?(?: {2}|[ \t]+[0-7]{3,4}[ \t])|=ybegin[ \t])/gim;

const renderText = (segments: readonly Segment[]): string =>
  segments
    .map(textOf)
    .join("")
    .replace(/\n{3,}/g, "\n\n")
    .replace(encodedFile, " ");

function textOf(segment: Segment): string {
  switch (segment.kind) {
    case "text":
      return segment.text;
    case "link":
      return segment.href;
    case "removed":
      return removedMark;
  }
}

/** Paragraphs, line breaks and links: no style, no picture, nothing that is fetched when the message is opened. */
const renderHtml = (segments: readonly Segment[]): string =>
  segments
    .map(htmlOf)
    .join("")
    .split(/\n[ \t]*\n\s*/)
    .map((paragraph) => `<p dir="auto">${paragraph.trim().replaceAll("\n", "<br>\n")}</p>`)
    .join("\n")
    .replace(encodedFile, " ");

function htmlOf(segment: Segment): string {
  if (segment.kind !== "link") return escapeHtml(textOf(segment));
  const href = escapeHtml(segment.href);
  return `<a href="${href}" rel="noopener noreferrer">${href}</a>`;
}
