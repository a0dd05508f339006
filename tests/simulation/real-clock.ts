import type { SimulatedDatabase } from "./simulated-database.ts";

/** Columns of time in which lies what a real clock wrote, and how many values were looked at. */
export async function byTheRealClock({
  db,
}: Pick<SimulatedDatabase, "db">): Promise<{ readonly late: readonly string[]; readonly seen: number }> {
  const columns = await db.query<{ table: string; column: string }>(
    `select format('%I.%I', c.table_schema, c.table_name) as table, quote_ident(c.column_name) as column
     from information_schema.columns c join information_schema.tables t using (table_schema, table_name)
     where c.table_schema = 'mailfleet' and c.data_type = 'timestamp with time zone' and t.table_type = 'BASE TABLE'`,
  );
  const late: string[] = [];
  let seen = 0;
  for (const { table, column } of columns) {
    const [row] = await db.query<{ n: number; late: number }>(
      `select count(${column}) as n, count(*) filter (where ${column} > '2002-01-01' and ${column} < 'infinity') as late from ${table}`,
    );
    seen += row?.n ?? 0;
    if ((row?.late ?? 0) > 0) late.push(`${table}.${column}`);
  }
  return { late, seen };
}
