/** Content-Type fields (RFC 2045 section 5.1), as far as reports need them. */

export interface ContentType {
  /** Lower case, such as `text/plain`. */
  readonly type: string;
  /** By lower-case name; the first of each counts. Continuations (RFC 2231 section 3) are joined. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** More is not looked at. */
const maxLength = 4_096;
const maxParameters = 32;

const parameter = /^\s*([^\s=*]+)(?:\*\d{1,2}\*?|\*)?\s*=\s*(.*)$/s;

/** Reads an unfolded value; what is malformed is left out. */
export function readContentType(value: string): ContentType {
  const [type = "", ...rest] = splitAtSemicolons(value.slice(0, maxLength));
  const parameters = new Map<string, string>();
  for (const text of rest.slice(0, maxParameters)) {
    const [, name, given] = parameter.exec(text) ?? [];
    if (name === undefined || given === undefined) continue;
    const key = name.toLowerCase();
    const isContinued = /^[^=]*\*[1-9]\d?\*?\s*=/.test(text);
    if (!parameters.has(key)) parameters.set(key, unquoted(given));
    else if (isContinued) parameters.set(key, parameters.get(key) + unquoted(given));
  }
  return { type: withoutComment(type).toLowerCase(), parameters };
}

function splitAtSemicolons(text: string): string[] {
  const pieces: string[] = [];
  let start = 0;
  let isQuoted = false;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === "\\" && isQuoted) at++;
    else if (char === '"') isQuoted = !isQuoted;
    else if (char === ";" && !isQuoted) {
      pieces.push(text.slice(start, at));
      start = at + 1;
    }
  }
  return [...pieces, text.slice(start)];
}

function unquoted(text: string): string {
  const trimmed = text.trim();
  if (!trimmed.startsWith('"')) return withoutComment(trimmed);
  const end = trimmed.lastIndexOf('"');
  return trimmed.slice(1, end > 0 ? end : undefined).replace(/\\(.)/g, "$1");
}

const withoutComment = (text: string): string => {
  const comment = text.indexOf("(");
  return (comment < 0 ? text : text.slice(0, comment)).trim();
};
