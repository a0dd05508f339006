import { readFile } from "node:fs/promises";
import path from "node:path";

export const root = path.resolve(import.meta.dirname, "../..");

/** The text of a file, by its path from the root. */
export const readPage = (file: string): Promise<string> => readFile(path.join(root, file), "utf8");

/** What stands between `<!-- name -->` and `<!-- /name -->`, without the white space around it. */
export function section(page: string, name: string): string {
  const [, found] = new RegExp(`<!-- ${name} -->([\\s\\S]*?)<!-- /${name} -->`).exec(page) ?? [];
  if (found === undefined) throw new Error(`the page has no section "${name}"`);
  return found.trim();
}

/** A Markdown table. A bar within a cell is escaped. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), `|${head.map(() => "---").join("|")}|`, ...rows.map(line)].join("\n");
}
