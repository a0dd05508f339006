/** Bytes to text, by the name that a message gives its charset. */
import { TextDecoder } from "node:util";

export interface DecodedText {
  readonly text: string;
  /** Whether the charset is one that we know. Where it is not, the text is the best guess. */
  readonly known: boolean;
}

/** Labels that mail uses and the WHATWG Encoding Standard does not list; separators and `x-` are left out of the key. */
const aliases: ReadonlyMap<string, string> = new Map([
  ["cp932", "shift_jis"],
  ["windows932", "shift_jis"],
  ["mskanji", "shift_jis"],
  ["cp936", "gbk"],
  ["ms936", "gbk"],
  ["cp949", "euc-kr"],
  ["uhc", "euc-kr"],
  ["ksc5601", "euc-kr"],
  ["cp950", "big5"],
  ["cp874", "windows-874"],
  ["eucjp", "euc-jp"],
  ["cp51932", "euc-jp"],
  ["iso2022jp1", "iso-2022-jp"],
  ["iso2022jp2", "iso-2022-jp"],
  ["iso2022jpms", "iso-2022-jp"],
  ["cp50220", "iso-2022-jp"],
  ["cp50221", "iso-2022-jp"],
  ["cp50222", "iso-2022-jp"],
  ["iso88598e", "iso-8859-8"],
  ["iso88598i", "iso-8859-8"],
  ["latin9", "iso-8859-15"],
  ["latin10", "iso-8859-16"],
  ["macroman", "macintosh"],
  ["ansi", "windows-1252"],
]);

/** Labels that say no more than that somebody thought of ASCII; such text is often UTF-8 or windows-1252. */
const saysNothing: ReadonlySet<string> = new Set(["", "usascii", "ascii", "unknown8bit", "unknown", "default", "8bit"]);

const labelLength = 60;
const strictUtf8 = new TextDecoder("utf-8", { fatal: true });

/** Decodes; never throws. What is wrong in the bytes becomes U+FFFD. */
export function decodeCharset(bytes: Uint8Array, label: string | undefined): DecodedText {
  const written = (label ?? "").trim().toLowerCase().slice(0, labelLength).replace(/\*.*$/, ""); // RFC 2231 section 5.
  const key = written.replace(/^x-/, "").replace(/[\s._-]/g, "");
  if (saysNothing.has(key)) return { text: guess(bytes), known: true };
  const decoder = decoderFor(key === "utf16" && isBigEndian(bytes) ? "utf-16be" : written, key);
  return decoder ? { text: decoder.decode(bytes), known: true } : { text: guess(bytes), known: false };
}

/** UTF-8 where the bytes are, else windows-1252, in which every byte is something. */
function guess(bytes: Uint8Array): string {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    return new TextDecoder("windows-1252").decode(bytes);
  }
}

/** RFC 2781 section 4.3 takes text without a byte order mark for big-endian; what is sent is little-endian. */
const isBigEndian = (bytes: Uint8Array): boolean => bytes[0] === 0xfe && bytes[1] === 0xff;

function decoderFor(written: string, key: string): TextDecoder | undefined {
  for (const name of [written, aliases.get(key), key]) {
    if (name === undefined) continue;
    try {
      return new TextDecoder(name);
    } catch {
      // Not a label of the standard: the next spelling.
    }
  }
  return undefined;
}
