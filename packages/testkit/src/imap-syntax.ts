/** A word of a command: an atom, a quoted string or a literal as text; a list as its words. Text is latin1. */
export type ImapWord = string | readonly ImapWord[];

/**
 * The words of a command (RFC 3501 section 9), literals and all. A section such as `BODY[HEADER.FIELDS (DATE)]<0.9>`
 * is one word. What is not IMAP throws.
 */
export function imapWords(command: string): readonly ImapWord[] {
  let at = 0;
  const list = (end: string | undefined): ImapWord[] => {
    const words: ImapWord[] = [];
    for (;;) {
      while (command[at] === " ") at++;
      const next = command[at];
      if (next === end) {
        at++;
        return words;
      }
      if (next === undefined) throw new SyntaxError(`no ${end} in ${command}`);
      words.push(word(next));
    }
  };
  const word = (next: string): ImapWord => {
    if (next === "(") {
      at++;
      return list(")");
    }
    if (next === '"') return quoted();
    const literal = /^\{(\d+)\+?\}\r\n/.exec(command.slice(at, at + 20));
    if (literal) {
      const from = at + literal[0].length;
      at = from + Number(literal[1]);
      return command.slice(from, at);
    }
    return atom();
  };
  const quoted = (): string => {
    let text = "";
    for (at++; command[at] !== '"'; at++) {
      if (command[at] === "\\") at++;
      if (command[at] === undefined) throw new SyntaxError(`a quoted string does not end in ${command}`);
      text += command[at];
    }
    at++;
    return text;
  };
  const atom = (): string => {
    const from = at;
    for (let inSection = false; at < command.length; at++) {
      const next = command[at] as string;
      if (next === "[") inSection = true;
      if (next === "]") inSection = false;
      if (!inSection && (next === " " || next === ")" || next === "(")) break;
    }
    if (at === from) throw new SyntaxError(`${command[at]} is out of place in ${command}`);
    return command.slice(from, at);
  };
  return list(undefined);
}

/** A word that must be text. */
export function textOf(word: ImapWord | undefined): string {
  if (typeof word !== "string") throw new SyntaxError("a word was expected");
  return word;
}

/** Whether a set such as `1:3,7,9:*` names the number; `*` is the highest there is. */
export function setHas(set: string, number: number, highest: number): boolean {
  return set.split(",").some((range) => {
    const [from = 0, to = from] = range.split(":").map((end) => (end === "*" ? highest : Number(end)));
    return number >= Math.min(from, to) && number <= Math.max(from, to);
  });
}

export const quote = (text: string): string => `"${text.replace(/["\\]/g, "\\$&")}"`;

export const literal = (content: string): string => `{${content.length}}\r\n${content}`;
