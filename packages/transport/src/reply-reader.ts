/** What the next hop says, cut into whole replies (RFC 5321 section 4.2). */
export interface ReplyReader {
  read(chunk: Buffer): void;
}

/** A reply is a line or two; a next hop that goes on and on is not one. */
export const maxReplyBytes = 65_536;

/**
 * Calls `onReply` for each whole reply, with its code and its text, lines included; and `onGarbled` once, where what
 * came cannot be a reply. Either may make the reader useless: it reads on only while `isListening`.
 */
export function replyReader(hears: {
  onReply(code: number, text: string): void;
  onGarbled(detail: string): void;
  isListening(): boolean;
}): ReplyReader {
  let rest = "";
  let earlierLines = "";

  return {
    read(chunk) {
      // One character per byte: a chunk may end within a character.
      const text = rest + chunk.toString("latin1");
      let from = 0;
      for (let end = text.indexOf("\n"); end >= 0 && hears.isListening(); end = text.indexOf("\n", from)) {
        const line = text.slice(from, text.charCodeAt(end - 1) === 13 && end > from ? end - 1 : end);
        from = end + 1;
        const code = replyCode(line);
        if (code < 0) return hears.onGarbled(decoded(line.slice(0, 100)));
        if (line.charCodeAt(3) === 45 /* - */) {
          earlierLines += `${line}\n`;
          if (earlierLines.length > maxReplyBytes) return hears.onGarbled("a reply without end");
          continue;
        }
        const whole = earlierLines + line;
        earlierLines = "";
        hears.onReply(code, decoded(whole));
      }
      rest = text.slice(from);
      if (rest.length > maxReplyBytes) hears.onGarbled("a line without end");
    },
  };
}

/** The three digits that a line begins with, or -1. */
function replyCode(line: string): number {
  const code = (line.charCodeAt(0) - 48) * 100 + (line.charCodeAt(1) - 48) * 10 + (line.charCodeAt(2) - 48);
  const afterCode = line.length === 3 || line.charCodeAt(3) === 32 || line.charCodeAt(3) === 45;
  return afterCode && code >= 200 && code < 600 && /^\d{3}/.test(line) ? code : -1;
}

/** Reply texts have no charset; nearly all are ASCII, most others UTF-8. */
function decoded(binary: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII.
  return /^[\u0000-\u007f]*$/.test(binary) ? binary : Buffer.from(binary, "latin1").toString("utf8");
}
