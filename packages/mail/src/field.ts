/** One header field (RFC 5322 section 2.2): its name, its value, its lines and its dates. */

/** A field to write. A value may bring its own folds (CRLF and a space or tab). */
export interface HeaderField {
  readonly name: string;
  readonly value: string;
}

const namePattern = /^[\x21-\x39\x3b-\x7e]{1,76}$/;
const lineLength = 76;

/** RFC 5322 ftext: printable ASCII without the colon. */
export function isFieldName(name: string): boolean {
  return namePattern.test(name);
}

/**
 * Whether a value can only ever be one field: every line break in it is a fold, with something on the line that
 * follows, and it holds no NUL.
 */
export function isFieldValue(value: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it looks for.
  return !/\u0000|\r(?!\n)|(?<!\r)\n|\r\n(?![ \t]+[^ \t\r\n])/.test(value);
}

/** The field as it stands in a message, with its CRLF. Throws where a value could end its field: that is our own error. */
export function writeField({ name, value }: HeaderField): string {
  if (!isFieldName(name) || !isFieldValue(value)) throw new TypeError(`not a header field: ${JSON.stringify(name)}`);
  return `${name}: ${value}\r\n`;
}

/** Breaks a value at its spaces so that no line passes 76 characters where it can be helped. */
export function fold(name: string, value: string): string {
  let line = name.length + 2;
  let text = "";
  for (const word of value.split(" ")) {
    if (word === "") continue;
    if (text !== "" && line + 1 + word.length > lineLength) {
      text += `\r\n ${word}`;
      line = 1 + word.length;
    } else {
      text += text === "" ? word : ` ${word}`;
      line += word.length + 1;
    }
  }
  return text;
}

/** A date and time as RFC 5322 section 3.3 writes it, in UTC. */
export function formatDate(date: Date): string {
  return date.toUTCString().replace("GMT", "+0000");
}
