import type { Database, Sql } from "./database.ts";
import { type Page, type PageRequest, pageOf, pageSize, readCursor } from "./page.ts";

/** Something that somebody had done. */
export interface Command {
  /** Who: a key's id, `admin`, or a part of the fleet. */
  readonly actor: string;
  /** Null where it concerns the whole fleet. */
  readonly tenantId: string | null;
  /** Such as `delivery.release`. */
  readonly command: string;
  /** The id of what it was done to. */
  readonly target: string | null;
  readonly detail: Readonly<Record<string, unknown>>;
}

export interface LoggedCommand extends Command {
  readonly id: number;
  readonly at: Date;
}

export interface CommandLog {
  /** Part of the caller's transaction where `sql` is one. */
  add(command: Command, sql?: Sql): Promise<void>;
  /** Newest first; of one tenant, or of the whole fleet. */
  list(tenantId: string | undefined, page: PageRequest): Promise<Page<LoggedCommand>>;
}

export function openCommandLog(db: Database): CommandLog {
  return {
    add: (command, sql = db) => logCommand(sql, command),
    async list(tenantId, page) {
      const read = (sql: Sql) =>
        sql.query<LoggedCommand>(
          `select id, at, actor, tenant_id as "tenantId", command, target, detail from mailfleet.command_log
           where ($1::text is null or tenant_id = $1) and ($2::bigint is null or id < $2) order by id desc limit $3`,
          [tenantId ?? null, readCursor(page, "integer") ?? null, pageSize(page) + 1],
        );
      const rows = await (tenantId === undefined ? read(db) : db.asTenant(tenantId, read));
      return pageOf(
        rows,
        pageSize(page),
        (row) => row.id,
        (row) => row,
      );
    },
  };
}

export async function logCommand(sql: Sql, { actor, tenantId, command, target, detail }: Command): Promise<void> {
  await sql.query(
    "insert into mailfleet.command_log (actor, tenant_id, command, target, detail) values ($1, $2, $3, $4, $5)",
    [actor, tenantId, command, target, JSON.stringify(detail)],
  );
}
