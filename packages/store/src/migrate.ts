import { readdir, readFile } from "node:fs/promises";
import { Kysely, PostgresDialect, sql } from "kysely";
import { Migrator } from "kysely/migration";
import pg from "pg";

const folder = new URL("./migrations/", import.meta.url);

/**
 * Brings the database to this version's schema: forward only, one advisory lock at a time (kysely's), each file in the
 * order of its number. Every file is safe while the version before it still runs.
 * Returns the names of what was applied now.
 */
export async function migrate(url: string): Promise<readonly string[]> {
  const pool = new pg.Pool({ connectionString: url, max: 2 });
  const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) });
  try {
    const migrator = new Migrator({
      db,
      provider: { getMigrations: readMigrations },
      migrationTableName: "mailfleet_migrations",
      migrationLockTableName: "mailfleet_migrations_lock",
    });
    const { error, results } = await migrator.migrateToLatest();
    if (error) throw new Error("migration failed; nothing of the failed file was kept", { cause: error });
    return (results ?? []).filter((result) => result.status === "Success").map((result) => result.migrationName);
  } finally {
    await db.destroy();
  }
}

async function readMigrations() {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".sql")).sort();
  const entries = names.map(async (name) => {
    const text = await readFile(new URL(name, folder), "utf8");
    return [
      name.replace(/\.sql$/, ""),
      { up: async (db: Kysely<never>) => void (await sql.raw(text).execute(db)) },
    ] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}

/** Names of migrations that this version has, oldest first. */
export async function knownMigrations(): Promise<readonly string[]> {
  return Object.keys(await readMigrations());
}
