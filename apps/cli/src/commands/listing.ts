import { type Command, InvalidArgumentError } from "commander";
import type { Json } from "../api/api.ts";
import type { Column, Row } from "../output/output.ts";
import type { Options, Session } from "./session.ts";

/** A filter of a list: the option's flags, what it says, and the name of its query parameter. */
export type Filter = readonly [flags: string, meaning: string];

const filters = {
  state: ["--state <state>", "only in this state"],
  recipient: ["--recipient <address>", "only for this recipient"],
  account: ["--account <id>", "only of this account"],
  message: ["--message <id>", "only of this message"],
  batch: ["--batch <batch>", "only of this batch"],
  mailbox: ["--mailbox <id>", "only of this mailbox"],
  reason: ["--reason <code>", "only with this reason"],
  from: ["--from <address>", "only from this sender"],
  tag: ["--tag <tag>", "only with this tag"],
  after: ["--after <time>", "only what came after this time (RFC 3339)"],
  before: ["--before <time>", "only what came before this time (RFC 3339)"],
} as const satisfies Record<string, Filter>;

export type FilterName = keyof typeof filters;

/** Pages that `--all` reads at most; a list longer than that is for a script of its own. */
const maxPages = 1_000;
const pageSize = 200;

/** Adds paging, and the filters that the list knows. */
export function addListOptions(command: Command, names: readonly FilterName[] = []): Command {
  for (const [flags, meaning] of names.map((name): Filter => filters[name])) command.option(flags, meaning);
  return command
    .option("--limit <n>", "at most so many (1 to 200)", wholeNumber)
    .option("--cursor <cursor>", "go on where the last page ended")
    .option("--all", "every page");
}

/** Shows a list: one page of it, or all. */
export async function showList(
  { api, out }: Session,
  path: string,
  columns: readonly Column[],
  names: readonly FilterName[],
  options: Options,
): Promise<void> {
  const query = Object.fromEntries(names.map((name) => [name, options[name] as string | undefined]));
  if (options.all) {
    const items = await listAll({ api }, path, query);
    return out.table(columns, items, { items });
  }
  const page = await api.call("GET", path, {
    query: { ...query, limit: options.limit as number | undefined, cursor: options.cursor as string | undefined },
  });
  out.table(columns, itemsOf(page), page);
  if (typeof page.nextCursor === "string") out.hint(`There is more: --cursor ${page.nextCursor}, or --all`);
}

export async function listAll(
  { api }: Pick<Session, "api">,
  path: string,
  query: Readonly<Record<string, string | undefined>> = {},
): Promise<readonly Row[]> {
  const items: Row[] = [];
  let cursor: string | undefined;
  for (let pages = 0; pages < maxPages; pages++) {
    const page = await api.call("GET", path, { query: { ...query, limit: pageSize, cursor } });
    items.push(...itemsOf(page));
    if (typeof page.nextCursor !== "string") break;
    cursor = page.nextCursor;
  }
  return items;
}

export const itemsOf = (page: Json): readonly Row[] => (Array.isArray(page.items) ? (page.items as Row[]) : []);

export function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError("It must be a whole number.");
  return Number(text);
}
