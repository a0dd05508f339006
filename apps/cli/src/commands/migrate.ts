import { reader } from "@mailfleet/config";
import type { Command } from "commander";
import { CliError, usageError } from "../cli-error.ts";
import { createOutput } from "../output/output.ts";
import type { Terminal } from "../terminal.ts";

/** Brings a database to this version's schema. The embedded one needs no command: `mailfleet up` does it. */
export function addMigrate(program: Command, terminal: Terminal): void {
  program
    .command("migrate")
    .description("bring the database to this version's schema; safe while the version before still runs")
    .action(async function migrateDatabase(this: Command) {
      const url = databaseUrl(terminal);
      const { migrate } = await import("@mailfleet/store");
      const applied = await migrate(url).catch((cause: unknown) => {
        throw new CliError(`The database could not be migrated: ${innermost(cause).message}`, { cause });
      });
      const out = createOutput(terminal, { json: this.optsWithGlobals<{ json?: boolean }>().json ?? false });
      const outcome = applied.length === 0 ? "The schema was up to date." : `Applied: ${applied.join(", ")}.`;
      out.done(outcome, { applied });
    });
}

function databaseUrl({ env }: Terminal): string {
  const { optional, check } = reader(env);
  const schemes = ["postgres", "postgresql"];
  const { migrateDatabaseUrl, url } = check({
    migrateDatabaseUrl: optional.secret(
      "MIGRATE_DATABASE_URL",
      "The same database as a role that may change its tables. Absent: MAILFLEET_DATABASE_URL.",
      { schemes },
    ),
    url: optional.secret("DATABASE_URL", "PostgreSQL that holds the truth.", { schemes }),
  });
  const chosen = migrateDatabaseUrl ?? url;
  if (!chosen) {
    throw usageError(
      "Set MAILFLEET_MIGRATE_DATABASE_URL or MAILFLEET_DATABASE_URL. `mailfleet up` migrates the embedded one.",
    );
  }
  return chosen.reveal();
}

/** The driver's own words, not those around them; an AggregateError stands for its first. */
function innermost(error: unknown): Error {
  if (error instanceof AggregateError && error.errors.length > 0) return innermost(error.errors[0]);
  if (error instanceof Error && error.cause instanceof Error) return innermost(error.cause);
  return error instanceof Error ? error : new Error(String(error));
}
