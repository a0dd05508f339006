import path from "node:path";
import type { SourceFile } from "./sources.ts";

/** Relative links of the documents whose file, or whose heading in it, is not there. */
export function brokenLinks(files: readonly SourceFile[], exists: (file: string) => boolean): readonly string[] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  return files
    .filter((file) => file.path.endsWith(".md"))
    .flatMap((file) =>
      linksOf(file)
        .filter((link) => !resolves(link, file, byPath, exists))
        .map((link) => `${file.path}: ${link} leads nowhere`),
    );
}

function linksOf({ text }: SourceFile): readonly string[] {
  const prose = text.replaceAll(/^```[\s\S]*?^```/gm, "").replaceAll(/`[^`\n]*`/g, "");
  const found = prose.matchAll(/\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)/g);
  return [...found].map(([, link]) => link ?? "").filter((link) => !/^[a-z][a-z+.-]*:/i.test(link));
}

function resolves(
  link: string,
  from: SourceFile,
  byPath: ReadonlyMap<string, SourceFile>,
  exists: (file: string) => boolean,
): boolean {
  const [target = "", heading] = link.split("#");
  const file = target ? path.posix.join(path.posix.dirname(from.path), decodeURIComponent(target)) : from.path;
  const known = byPath.get(file);
  if (!known) return exists(file);
  return heading === undefined || !file.endsWith(".md") || anchorsOf(known).has(heading.toLowerCase());
}

/** Headings as forges turn them into anchors: lower case, hyphens for spaces, no punctuation. */
function anchorsOf({ text }: SourceFile): ReadonlySet<string> {
  const headings = text.matchAll(/^#{1,6}\s+(.+?)\s*#*$/gm);
  return new Set(
    [...headings].map(([, title]) =>
      (title ?? "")
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
        .replaceAll(" ", "-"),
    ),
  );
}
