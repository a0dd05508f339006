/**
 * What a person wrote in a reply, apart from what their mail program added: the quoted original and who it is from,
 * and signatures. A guess by the habits of mail programs, for answerers that are shown the whole as well.
 */
import { attributionEndingAt } from "./attribution.ts";
import { isQuoteSeparator } from "./quote-separator.ts";
import { isProgramsSignature, isSignatureMark } from "./signature.ts";

export interface TrimmedReply {
  /** Empty where all of it is quoted, as in a message that is only passed on. Lines end in LF. */
  readonly written: string;
  /** Everything else, in its order. */
  readonly quoted: string;
}

/** What lies beyond counts as quoted. */
export const trimLimits = { length: 200_000, lines: 10_000 } as const;

/** Linear in the length of the text. */
export function trimReply(text: string): TrimmedReply {
  const lines = text.slice(0, trimLimits.length).split(/\r\n|[\n\r\u2028]/);
  const beyond = [
    ...lines.splice(trimLimits.lines),
    ...(text.length > trimLimits.length ? [text.slice(trimLimits.length)] : []),
  ];
  const isWritten = classify(lines);
  return {
    written: paragraphs(lines, (at) => isWritten[at]!),
    quoted: paragraphs([...lines, ...beyond], (at) => !isWritten[at]),
  };
}

/** For each line, whether the person wrote it. Empty lines go with what is above them. */
function classify(lines: readonly string[]): readonly boolean[] {
  const written = new Array<boolean>(lines.length).fill(false);
  const quotedFrom = attributions(lines);
  let inSignature = false;
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at]!;
    const attribution = quotedFrom.get(at);
    if (attribution?.isLast || isQuoteSeparator(lines, at)) break;
    if (attribution) {
      inSignature = false;
      at = attribution.last;
    } else if (isQuoted(line)) {
      inSignature = false;
    } else if (isSignatureMark(lines, at)) {
      inSignature = true;
    } else if (line.trim() === "") {
      written[at] = at > 0 && written[at - 1]!;
    } else {
      written[at] = !inSignature;
    }
  }
  dropProgramsSignatures(lines, written);
  return written;
}

/** By their first lines: where they end, and whether all that follows is quoted. */
function attributions(lines: readonly string[]): ReadonlyMap<number, { last: number; isLast: boolean }> {
  const found = new Map<number, { last: number; isLast: boolean }>();
  for (let at = 0; at < lines.length; at++) {
    if (isQuoted(lines[at]!)) continue;
    const attribution = attributionEndingAt(lines, at);
    if (!attribution) continue;
    const following = lines.slice(at + 1, at + 4).find((line) => line.trim() !== "");
    const isMarked = following !== undefined && isQuoted(following);
    if (isMarked || attribution.isSure) found.set(attribution.first, { last: attribution.last, isLast: !isMarked });
  }
  return found;
}

/** A phone's signature stands alone, at the end of what was written. */
function dropProgramsSignatures(lines: readonly string[], written: boolean[]): void {
  for (let at = 0; at < lines.length; at++) {
    if (!written[at] || !isProgramsSignature(lines[at]!)) continue;
    let next = at + 1;
    while (next < lines.length && lines[next]!.trim() === "") next++;
    if (next === lines.length || !written[next]) written.fill(false, at, next);
  }
}

const isQuoted = (line: string): boolean => /^[ \t]{0,3}>/.test(line);

/** The chosen lines; where others lay between them, an empty line is. */
function paragraphs(lines: readonly string[], isChosen: (at: number) => boolean): string {
  const chosen: string[] = [];
  let gap = false;
  lines.forEach((line, at) => {
    if (!isChosen(at)) {
      gap = true;
      return;
    }
    if (gap && chosen.length > 0) chosen.push("");
    gap = false;
    chosen.push(line.trimEnd());
  });
  return chosen
    .join("\n")
    .replace(/\n{3,}/g, "\n\n")
    .trim();
}
