import { readdir, readFile } from "node:fs/promises";
import path from "node:path";

/** A file of the house: its path from the root, with forward slashes, and its text. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

const root = path.resolve(import.meta.dirname, "../..");
const generated = new Set(["node_modules", "dist", "var", ".git", ".tools", ".turbo", "coverage", "testdata"]);
const read = /\.(ts|mjs|md|json|ya?ml|tpl|sh)$|(^|\/)(Dockerfile|run|pre-commit)$/;

/** Every text file that people write here. */
export async function readSources(folder = root): Promise<readonly SourceFile[]> {
  const files: SourceFile[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const full = path.join(folder, entry.name);
    const name = path.relative(root, full).replaceAll(path.sep, "/");
    if (entry.isDirectory() && !generated.has(entry.name)) files.push(...(await readSources(full)));
    if (entry.isFile() && read.test(name)) files.push({ path: name, text: await readFile(full, "utf8") });
  }
  return files;
}

/** What a file imports: static, dynamic, for types, and re-exported. A "from" within some text is none of these. */
export function importsOf({ text }: SourceFile): readonly string[] {
  const atStart = text.matchAll(/^(?:import|export)\b(?:[^"'`;]*?\bfrom)?\s*"([^"\n]+)"/gm);
  const inside = text.matchAll(/\bimport\(\s*"([^"\n]+)"/g);
  return [...atStart, ...inside].map(([, specifier]) => specifier ?? "");
}

/** "packages/store" for a file below it; undefined for a file of no package. */
export const packageOf = (file: string): string | undefined => file.match(/^(?:apps|packages)\/[^/]+/)?.[0];

export const isTest = (file: string): boolean =>
  /\.test\.ts$/.test(file) || /\/testing\//.test(file) || file.startsWith("tests/") || file.startsWith("bench/");
