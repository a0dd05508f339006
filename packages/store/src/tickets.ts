import type { DeliveryState, MessageState } from "@mailfleet/mail";
import type { Sql } from "./database.ts";
import { type Page, type PageRequest, readCursor, writeCursor } from "./page.ts";

/** A narrow table, and which of its rows are meant. */
type Ticket = readonly [table: "ready" | "later" | "inflight" | "held" | "dead_letters", condition: string];

/** Rows of one table that one page of a list looks at. */
const perTable = 2_000;

/** The newest of what is in a state. */
export interface Candidates {
  /** Uids, each once; complete down to `until`, or altogether where that is absent. */
  readonly uids: readonly string[];
  readonly until?: string;
}

/**
 * Few rows are unfinished or dead, and history is long: lists of those states begin at the narrow tables, and look at a
 * bounded number of tickets for each page. `column` is what is collected.
 */
export async function newestTickets(
  sql: Sql,
  tenantId: string,
  tickets: readonly Ticket[],
  column: "delivery_uid" | "message_uid",
  page: PageRequest,
): Promise<Candidates> {
  if (tickets.length === 0) return { uids: [] };
  const parts = tickets.map(
    ([table, condition]) => `(select '${table}' as place, ${column} as uid from mailfleet.${table}
      where tenant_id = $1 and ${condition} and ($2::uuid is null or ${column} < $2)
      order by ${column} desc limit ${perTable})`,
  );
  const rows = await sql.query<{ place: string; uid: string }>(parts.join(" union all "), [
    tenantId,
    readCursor(page, "uuid") ?? null,
  ]);
  // Where a table holds more than was looked at, what lies below its last row is not complete.
  const until = tickets
    .map(([table]) => rows.filter(({ place }) => place === table))
    .filter((found) => found.length === perTable)
    .map((found) => found.map(({ uid }) => uid).sort()[0] as string)
    .sort()
    .at(-1);
  const uids = new Set(rows.map(({ uid }) => uid).filter((uid) => until === undefined || uid >= until));
  return until === undefined ? { uids: [...uids] } : { uids: [...uids], until };
}

/** The page of a list that looked at candidates only: it may be short and go on where they ended. */
export function continued<T>(page: Page<T>, { until }: Candidates): Page<T> {
  return page.nextCursor === undefined && until !== undefined ? { ...page, nextCursor: writeCursor(until) } : page;
}

/** The tickets of deliveries in a state; none for ends that have no table. */
export function deliveryTickets(state: DeliveryState | undefined): readonly Ticket[] {
  switch (state) {
    case "pending":
      return waiting("attempt = 0");
    case "retrying":
      return waiting("attempt > 0");
    case "sending":
      return [["inflight", "state = 't'"]];
    case "held":
      return [["held", "true"]];
    case "dead_lettered":
      return [["dead_letters", "true"]];
    default:
      return [];
  }
}

const waiting = (condition: string): readonly Ticket[] => [
  ["ready", condition],
  ["later", condition],
  ["inflight", `${condition} and state <> 't'`],
];

/** The tickets of messages in a state; none for those that are done. */
export function messageTickets(state: MessageState | undefined): readonly Ticket[] {
  if (state === undefined || state === "done") return [];
  return [
    ["ready", "true"],
    ["later", "true"],
    ["inflight", "true"],
    ["held", "true"],
  ];
}
