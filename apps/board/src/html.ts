/** Markup that may go to a page as it is. Only `html` makes it. */
export interface Markup {
  readonly markup: string;
}

export type MarkupPart = string | number | null | undefined | Markup | readonly Markup[];

/** What `html` has made; an object that merely looks like markup, from JSON say, is not in here. */
const made = new WeakSet<object>();

/**
 * Writes markup in which every value is escaped, in text and in quoted attributes alike.
 * Values that are markup themselves stay as they are; null and undefined are nothing.
 */
export function html(strings: TemplateStringsArray, ...parts: readonly MarkupPart[]): Markup {
  let markup = strings[0] ?? "";
  parts.forEach((part, i) => {
    markup += render(part) + (strings[i + 1] ?? "");
  });
  const result = { markup };
  made.add(result);
  return result;
}

function render(part: MarkupPart): string {
  if (part === null || part === undefined) return "";
  if (Array.isArray(part)) return part.map(render).join("");
  if (typeof part === "object" && made.has(part)) return (part as Markup).markup;
  return escapeHtml(String(part));
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
  "`": "&#96;",
};

export const escapeHtml = (text: string): string => text.replace(/[&<>"'`]/g, (character) => entities[character]!);
