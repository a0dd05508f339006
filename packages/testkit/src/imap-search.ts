import { bodyOf, type FakeMessage, fieldOf } from "./imap-folder.ts";
import { type ImapWord, setHas, textOf } from "./imap-syntax.ts";

type Matches = (message: FakeMessage, sequence: number) => boolean;

/**
 * Reads search keys (RFC 3501 section 6.4.4), all of which must hold. `highest` tells what `*` is, among UIDs and
 * among sequence numbers. A key that it does not know throws, as a server would answer BAD.
 */
export function searchKeys(
  words: readonly ImapWord[],
  highest: { readonly uid: number; readonly sequence: number },
): Matches {
  let at = 0;
  const next = () => textOf(words[at++]);
  const has = (text: string, part: string) => text.toLowerCase().includes(part.toLowerCase());
  const flag =
    (name: string, wanted: boolean): Matches =>
    ({ flags }) =>
      flags.has(name) === wanted;
  const field =
    (name: string, part: string): Matches =>
    ({ content }) =>
      has(fieldOf(content, name), part);
  const dayOf = (date: Date) => date.toISOString().slice(0, 10);
  const day = () => dayOf(new Date(`${next()} UTC`));

  const key = (): Matches => {
    const word = words[at++];
    if (word === undefined) throw new SyntaxError("a search key is missing");
    if (typeof word !== "string") return searchKeys(word, highest);
    const name = word.toUpperCase();
    const system = /^(UN)?(SEEN|ANSWERED|DELETED|FLAGGED|DRAFT)$/.exec(name);
    if (system) {
      const [, un, rest = ""] = system;
      return flag(`\\${rest.charAt(0)}${rest.slice(1).toLowerCase()}`, un === undefined);
    }
    switch (name) {
      case "ALL":
        return () => true;
      case "UID": {
        const set = next();
        return ({ uid }) => setHas(set, uid, highest.uid);
      }
      case "KEYWORD":
        return flag(next(), true);
      case "UNKEYWORD":
        return flag(next(), false);
      case "FROM":
      case "TO":
      case "CC":
      case "SUBJECT":
        return field(name, next());
      case "HEADER": {
        const header = next();
        return field(header, next());
      }
      case "BODY": {
        const part = next();
        return ({ content }) => has(bodyOf(content), part);
      }
      case "TEXT": {
        const part = next();
        return ({ content }) => has(content, part);
      }
      case "SINCE": {
        const since = day();
        return ({ receivedAt }) => dayOf(receivedAt) >= since;
      }
      case "BEFORE": {
        const before = day();
        return ({ receivedAt }) => dayOf(receivedAt) < before;
      }
      case "NOT": {
        const other = key();
        return (message, sequence) => !other(message, sequence);
      }
      case "OR": {
        const [one, other] = [key(), key()];
        return (message, sequence) => one(message, sequence) || other(message, sequence);
      }
      default:
        if (!/^[\d*]/.test(word)) throw new SyntaxError(`${word} is no search key here`);
        return (_, sequence) => setHas(word, sequence, highest.sequence);
    }
  };

  const all: Matches[] = [];
  if (words[0] === "CHARSET") at = 2;
  while (at < words.length) all.push(key());
  return (message, sequence) => all.every((matches) => matches(message, sequence));
}
