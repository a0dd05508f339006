import type { Database } from "./database.ts";
import { knownMigrations } from "./migrate.ts";

/** The database cannot keep our promises, or is not ours yet. All reasons at once. */
export class UnfitDatabaseError extends Error {
  readonly code = "database_unfit";
  readonly reasons: readonly string[];

  constructor(reasons: readonly string[]) {
    super(`the database cannot be used:\n${reasons.map((reason) => `  - ${reason}`).join("\n")}`);
    this.reasons = reasons;
  }
}

/** `unique nulls not distinct` came with it. */
const oldestVersion = 150_000;

/** What every process asks at start. Throws UnfitDatabaseError, and the driver's error where the database is away. */
export async function checkDatabase(db: Database): Promise<void> {
  const [server] = await db.query<{ version: number; commit: string; migrated: boolean }>(
    `select current_setting('server_version_num')::int as version, current_setting('synchronous_commit') as commit,
            to_regclass('public.mailfleet_migrations') is not null as migrated`,
  );
  const { version = 0, commit = "off", migrated = false } = server ?? {};
  const applied = migrated ? await db.query<{ name: string }>("select name from public.mailfleet_migrations") : [];
  const present = new Set(applied.map(({ name }) => name));
  const missing = (await knownMigrations()).filter((name) => !present.has(name));

  const reasons = [
    ...(version < oldestVersion ? ["its PostgreSQL is older than 15"] : []),
    // With it off, a crash of the server takes back commits that we have already said yes to.
    ...(commit === "off"
      ? ["synchronous_commit is off, so that accepted mail could be lost; switch it on for this role or database"]
      : []),
    ...(missing.length > 0
      ? [`its schema is not up to date (missing ${missing.join(", ")}); run \`mailfleet migrate\``]
      : []),
  ];
  if (reasons.length > 0) throw new UnfitDatabaseError(reasons);
}
