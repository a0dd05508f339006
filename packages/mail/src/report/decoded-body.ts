/** What a part holds once its transfer encoding (RFC 2045 section 6) and its charset are taken off. */
import { findField } from "../message-header.ts";
import type { MimePart } from "./mime-part.ts";

/** Text beyond it is cut. */
export const maxTextLength = 131_072;

export function decodedBody(part: MimePart): Buffer {
  const body = Buffer.from(part.body.buffer, part.body.byteOffset, part.body.byteLength);
  const encoding = findField(part.header, "Content-Transfer-Encoding")?.value.trim().toLowerCase();
  if (encoding === "base64") return Buffer.from(body.toString("latin1"), "base64");
  return encoding === "quoted-printable" ? unquotedPrintable(body) : body;
}

/** The text of a text part, its lines ended by LF; HTML without its tags. */
export function decodedText(part: MimePart): string {
  const bytes = decodedBody(part).subarray(0, 4 * maxTextLength);
  const text = decoderOf(part.parameters.get("charset")).decode(bytes).slice(0, maxTextLength).replace(/\r\n?/g, "\n");
  return part.type === "text/html" ? withoutTags(text) : text;
}

function decoderOf(charset: string | undefined): { decode(bytes: Uint8Array): string } {
  try {
    return new TextDecoder(charset ?? "utf-8");
  } catch {
    return new TextDecoder("windows-1252"); // A charset that nobody knows: its ASCII can still be read.
  }
}

const hex = (byte: number | undefined): number => {
  if (byte === undefined) return -1;
  if (byte >= 48 && byte <= 57) return byte - 48;
  const upper = byte & 0xdf;
  return upper >= 65 && upper <= 70 ? upper - 55 : -1;
};

function unquotedPrintable(body: Buffer): Buffer {
  const out = Buffer.allocUnsafe(body.length);
  let length = 0;
  for (let at = 0; at < body.length; at++) {
    const byte = body[at] as number;
    if (byte === 61) {
      const high = hex(body[at + 1]);
      const low = hex(body[at + 2]);
      if (high >= 0 && low >= 0) {
        out[length++] = high * 16 + low;
        at += 2;
        continue;
      }
      const soft = body[at + 1] === 13 && body[at + 2] === 10 ? 2 : body[at + 1] === 10 ? 1 : 0;
      if (soft > 0) {
        at += soft;
        continue;
      }
    }
    out[length++] = byte;
  }
  return out.subarray(0, length);
}

const entities: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"', nbsp: " ", "#39": "'" };
const breaking = /^<\/?(?:p|br|div|tr|li|h\d|table|pre|blockquote|hr)\b/i;

/** Enough to find the sentences of a report; what a person reads is made elsewhere. */
function withoutTags(html: string): string {
  let text = "";
  let at = 0;
  while (at < html.length) {
    const open = html.indexOf("<", at);
    if (open < 0) return unescaped(text + html.slice(at));
    text += html.slice(at, open);
    const close = html.indexOf(">", open);
    if (close < 0) return unescaped(text);
    if (breaking.test(html.slice(open, open + 12))) text += "\n";
    at = close + 1;
  }
  return unescaped(text);
}

const unescaped = (text: string): string => text.replace(/&(#39|[a-z]{2,4});/g, (all, name) => entities[name] ?? all);
