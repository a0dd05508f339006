import { readFileSync, statSync } from "node:fs";

/** Environment variables by name; an empty one counts as absent, as compose files write "unset" that way. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What a process was told for one setting: nothing, a text, or something that cannot be read. */
export type Told =
  | { readonly kind: "nothing" }
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "unreadable"; readonly problem: string };

/** No setting is larger; a path that points at a huge file by mistake must not be loaded. */
const maxFileBytes = 1024 * 1024;

/**
 * Reads `name`, or the content of the file that `name_FILE` points to, without the white space around it.
 * Container platforms mount secrets as files; both given at once is refused, since one would silently win.
 */
export function lookUp(env: Environment, name: string): Told {
  const text = env[name];
  const path = env[`${name}_FILE`];
  if (text && path) return { kind: "unreadable", problem: `is set twice: also as ${name}_FILE` };
  if (text) return { kind: "text", text };
  if (!path) return { kind: "nothing" };

  try {
    const { size } = statSync(path);
    if (size > maxFileBytes) return unreadable(name, path, `is larger than ${maxFileBytes} bytes`);
    const content = readFileSync(path, "utf8").trim();
    return content === "" ? unreadable(name, path, "is empty") : { kind: "text", text: content };
  } catch (error) {
    return unreadable(name, path, `cannot be read (${(error as NodeJS.ErrnoException).code ?? "unknown"})`);
  }
}

const unreadable = (name: string, path: string, what: string): Told => ({
  kind: "unreadable",
  problem: `is taken from ${name}_FILE, but the file ${path} ${what}`,
});
