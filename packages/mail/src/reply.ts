import { type EnhancedStatusCode, isEnhancedStatusCode } from "./status.ts";

/** One SMTP reply (RFC 5321, section 4.2), with its enhanced status code (RFC 2034) or the one that its code stands for. */
export interface SmtpReply {
  /** 200 to 599. */
  readonly code: number;
  readonly status: EnhancedStatusCode;
  /** The text without the codes; lines joined with a space; at most 1,000 characters. */
  readonly text: string;
}

const maxTextLength = 1_000;
/** Beyond this nothing is read: a reply is a line or two, whatever a next hop sends. */
const maxReplyLength = 65_536;

const replyLine = /^([2-5]\d{2})(?:[ -](?:([245]\.\d{1,3}\.\d{1,3})(?:[ \t]+|$))?(.*))?$/s;

/**
 * Reads a reply of one or several lines, with or without line ends. The codes are those of the last line that has
 * them. What does not begin with a reply code is not a reply: `undefined`.
 */
export function parseReply(text: string): SmtpReply | undefined {
  let code = 0;
  let status: EnhancedStatusCode | undefined;
  const words: string[] = [];
  for (const line of text.slice(0, maxReplyLength).split(/\r\n|\r|\n/)) {
    if (line.trim() === "") continue;
    const match = replyLine.exec(line.trimEnd());
    if (!match) {
      // A next hop that breaks its text over lines without repeating the code is still understood by its first.
      if (code === 0) return undefined;
      words.push(line);
      continue;
    }
    code = Number(match[1]);
    if (match[2] !== undefined && isEnhancedStatusCode(match[2])) status = match[2];
    if (match[3]) words.push(match[3]);
  }
  if (code === 0) return undefined;
  return { code, status: status ?? defaultStatus(code), text: printable(words.join(" ")) };
}

/** The status that a reply code stands for by itself: its class, and nothing known beyond it (RFC 3463). */
export function defaultStatus(code: number): EnhancedStatusCode {
  if (code >= 500) return "5.0.0";
  return code >= 400 ? "4.0.0" : "2.0.0";
}

/** Reasons are stored, logged and shown: one line, no control characters, no end of a surrogate pair, bounded. */
export function printable(text: string): string {
  const line = text
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it takes out.
    .replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, " ")
    .replace(/ {2,}/g, " ")
    .trim();
  return (line.length > maxTextLength ? line.slice(0, maxTextLength) : line).toWellFormed().trimEnd();
}
