import Table from "cli-table3";
import type { Terminal } from "../terminal.ts";
import { plainText, shorten } from "./plain-text.ts";

export type Row = Readonly<Record<string, unknown>>;

/** A column: its heading, and what a row shows in it (a field's name, or a function). */
export type Column = readonly [heading: string, value: string | ((row: Row) => unknown)];

/** Shows results: tables for people, JSON for scripts. Commands write through nothing else. */
export interface Output {
  /** Many things of one kind. `whole` is what `--json` prints. */
  table(columns: readonly Column[], rows: readonly Row[], whole: unknown): void;
  /** One thing, field by field; absent ones are left out. */
  record(fields: readonly (readonly [label: string, value: unknown])[], whole: unknown): void;
  /** A table below a record, whose `--json` holds it already. */
  more(columns: readonly Column[], rows: readonly Row[]): void;
  /** What was done, where there is nothing to show; `--json` prints `whole`. */
  done(sentence: string, whole?: unknown): void;
  /** A remark beside the result. */
  hint(sentence: string): void;
}

const cellLength = 60;

export function createOutput({ stdout, stderr }: Terminal, { json }: { readonly json: boolean }): Output {
  const print = (text: string) => void stdout.write(`${text}\n`);
  const printJson = (whole: unknown) => print(JSON.stringify(whole, null, 2));
  const hint = (sentence: string) => void (json || stderr.write(`${sentence}\n`));
  return {
    table(columns, rows, whole) {
      if (json) return printJson(whole);
      if (rows.length === 0) return hint("Nothing to show.");
      print(tableText(columns, rows));
    },
    record(fields, whole) {
      if (json) return printJson(whole);
      const shown = fields.filter(([, value]) => value !== undefined && value !== null && value !== "");
      const width = Math.max(...shown.map(([label]) => label.length));
      for (const [label, value] of shown) print(`${label.padEnd(width)}  ${plainText(value)}`);
    },
    more(columns, rows) {
      if (!json && rows.length > 0) print(`\n${tableText(columns, rows)}`);
    },
    done(sentence, whole = {}) {
      if (json) return printJson(whole);
      print(sentence);
    },
    hint,
  };
}

/** Columns of text, two spaces apart: easy to read, and to cut with other tools. */
function tableText(columns: readonly Column[], rows: readonly Row[]): string {
  const table = new Table({
    head: columns.map(([heading]) => heading),
    chars: noBorders,
    style: { head: [], border: [], "padding-left": 0, "padding-right": 2 },
  });
  for (const row of rows) {
    table.push(
      columns.map(([, value]) => shorten(plainText(typeof value === "function" ? value(row) : row[value]), cellLength)),
    );
  }
  return table.toString().replace(/[ ]+$/gm, "");
}

const borders =
  "top top-mid top-left top-right bottom bottom-mid bottom-left bottom-right left left-mid mid mid-mid right right-mid middle";
const noBorders = Object.fromEntries(borders.split(" ").map((name) => [name, ""]));
