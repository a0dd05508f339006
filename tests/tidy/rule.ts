import type { SourceFile } from "./sources.ts";

/** One rule of the house about a file, with its reason, and a file that breaks it. */
export interface Rule {
  readonly name: string;
  /** Why we keep it, in a sentence; shown with every complaint. */
  readonly why: string;
  readonly applies: (file: SourceFile) => boolean;
  /** What is wrong with the file; empty where it keeps the rule. */
  readonly complaints: (file: SourceFile) => readonly string[];
  /** Proves that the rule can fail. */
  readonly broken: SourceFile;
}

/** One line per complaint about these files, each naming its file. */
export function judge(rule: Rule, files: readonly SourceFile[]): readonly string[] {
  return files
    .filter(rule.applies)
    .flatMap((file) => rule.complaints(file).map((complaint) => `${file.path}: ${complaint}`));
}

/** Complaints about the lines that match, by number. */
export const linesMatching = (file: SourceFile, pattern: RegExp, complaint: string): string[] =>
  file.text.split("\n").flatMap((line, index) => (pattern.test(line) ? [`line ${index + 1} ${complaint}`] : []));
