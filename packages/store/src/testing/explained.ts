import type { Database, Sql } from "../database.ts";

export interface ExplainedDatabase {
  readonly db: Database;
  /** Shared buffers touched, hit or read, by what was asked since this was last called; functions count with what they ask. */
  buffers(): number;
}

/** A database that has every statement explained before it answers it: whatever it does is done twice. */
export function explained(db: Database): ExplainedDatabase {
  let touched = 0;
  const on = <S extends Sql>(sql: S): S => ({
    ...sql,
    async query<R extends object>(text: string, values: readonly unknown[] = []) {
      if (/^\s*(select|with|update|delete|insert)\b/.test(text)) {
        const [row] = await sql.query<{ "QUERY PLAN": Explained }>(
          `explain (analyze, buffers, format json) ${text}`,
          values,
        );
        for (const { Plan } of row?.["QUERY PLAN"] ?? []) {
          touched += Plan["Shared Hit Blocks"] + Plan["Shared Read Blocks"];
        }
      }
      return sql.query<R>(text, values);
    },
  });
  return {
    db: {
      ...on(db),
      transaction: (work, options) => db.transaction((tx) => work(on(tx)), options),
      asTenant: (tenantId, work) => db.asTenant(tenantId, (tx) => work(on(tx))),
    },
    buffers() {
      const before = touched;
      touched = 0;
      return before;
    },
  };
}

type Explained = readonly {
  readonly Plan: Readonly<Record<"Shared Hit Blocks" | "Shared Read Blocks", number>>;
}[];
