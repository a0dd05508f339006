/**
 * Arguments of a program, made of templates and values that a stranger may have chosen.
 *
 * Each template makes one argument, whatever the values hold: there is no shell that could split or read them. What is
 * left to guard is the option: an argument begins with "-" only where its template does, so that no value becomes one.
 */

/** Filled in by us, never by a model. */
export const reservedNames = [
  "correspondent",
  "tenant",
  "mailbox",
  "inbound",
  "idempotencyKey",
] as const as readonly string[];

const placeholder = /\{([A-Za-z_][A-Za-z0-9_-]*)\}/g;

export type FilledArguments =
  | { readonly ok: true; readonly arguments: readonly string[] }
  | { readonly ok: false; readonly detail: string };

/** The names in a template, such as `order` of `--order={order}`. */
export const placeholdersOf = (template: string): readonly string[] =>
  [...template.matchAll(placeholder)].map(([, name]) => name ?? "");

/**
 * An argument with an absent value is left out: `--lang={lang}` needs no `lang`. The detail is for the model, so that
 * it can try again with another value.
 */
export function fillArguments(
  templates: readonly string[],
  values: Readonly<Record<string, string | number | boolean>>,
): FilledArguments {
  const filled: string[] = [];
  for (const template of templates) {
    const names = placeholdersOf(template);
    if (names.some((name) => !Object.hasOwn(values, name))) continue;
    const argument = template.replace(placeholder, (_, name: string) => String(values[name]));
    if (argument.includes("\0")) return { ok: false, detail: `${names.join(", ")}: a NUL character is not allowed` };
    if (argument.startsWith("-") && !template.startsWith("-")) {
      return { ok: false, detail: `${names[0]}: a value that begins with "-" is not allowed` };
    }
    filled.push(argument);
  }
  return { ok: true, arguments: filled };
}
