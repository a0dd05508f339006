import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmod, chown, readFile, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { clusterFolder, existingCluster, exists, freshFolder } from "./cluster-folder.ts";
import { EmbeddedError } from "./embedded-error.ts";
import { type FolderLock, lockFolder, makeHome } from "./folder-lock.ts";
import { choosePort, isFree } from "./port.ts";
import { type PostgresPrograms, postgresPrograms } from "./postgres-programs.ts";
import { postgresSettings } from "./postgres-settings.ts";
import { runningPostmaster } from "./postmaster-file.ts";
import { type ServerLife, serverLife } from "./server-life.ts";
import { stopWithParent } from "./stop-with-parent.ts";
import { type Credentials, unprivilegedUser } from "./unprivileged-user.ts";

export interface EmbeddedPostgresOptions {
  /** The data folder; the cluster lies in `postgres/` in it, and is made at the first start. */
  readonly dataDir: string;
  /** A fixed port on 127.0.0.1; left out or 0, a free one is chosen once and kept. */
  readonly port?: number;
  /** Settings of PostgreSQL's that win over ours. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Stops the server when this process dies, however it dies. By default it stays, for the next start to adopt. */
  readonly stopWithParent?: boolean;
}

/** A running private PostgreSQL. Stopping ends sessions and writes a checkpoint; so does disposing of it. */
export interface EmbeddedPostgres extends ServerLife {
  /** `postgresql://…`, with the password of the cluster's superuser. */
  readonly url: string;
  readonly port: number;
  /** True where it was still running, left by a process that was killed. */
  readonly adopted: boolean;
}

/** A start may have to replay the log after a crash; a checkpoint at the end writes what is dirty. */
const startLimitSeconds = 120;
const stopLimitSeconds = 60;
const initLimitMs = 120_000;
const portAttempts = 3;
const superuser = "mailfleet";

const run = promisify(execFile);

/**
 * Starts the PostgreSQL of a data folder, or adopts the one that still runs there.
 *
 * We drive PostgreSQL's own `pg_ctl` rather than the library that brings the programs: a server started by it has a
 * session of its own, so that neither Ctrl-C nor the death of this process reaches it before its clients are done,
 * and a server that outlived its parent is ready for the next one.
 *
 * Throws EmbeddedError.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const home = path.resolve(options.dataDir, "postgres");
  await makeHome(home);
  const lock = await lockFolder(home);
  try {
    return await startLocked(home, lock, options);
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/** Everything that is done to one cluster. */
interface Cluster {
  readonly folder: string;
  readonly user: Credentials | undefined;
  readonly programs: PostgresPrograms;
}

async function startLocked(
  home: string,
  lock: FolderLock,
  options: EmbeddedPostgresOptions,
): Promise<EmbeddedPostgres> {
  const user = await unprivilegedUser(await existingCluster(home));
  const cluster = { folder: await clusterFolder(home, user), user, programs: await postgresPrograms(user) };
  const password = await keptPassword(path.join(home, "password"));
  await initialise(cluster, password);

  const adoptedPort = await adopt(cluster, options);
  const port = adoptedPort ?? (await startOnFreePort(home, cluster, options));
  let watch = options.stopWithParent ? await watchParent(cluster) : undefined;

  const restart = async () => {
    if (await runningPostmaster(cluster.folder)) return false;
    await startServer(cluster, port, options.settings);
    watch?.release();
    watch = options.stopWithParent ? await watchParent(cluster) : undefined;
    return true;
  };
  const end = async () => {
    await stopServer(cluster);
    watch?.release();
    await lock.release();
  };
  return {
    url: `postgresql://${superuser}:${password}@127.0.0.1:${port}/postgres`,
    port,
    adopted: adoptedPort !== undefined,
    ...serverLife(restart, end),
  };
}

/** The superuser's password: made once, kept for our eyes only. */
async function keptPassword(file: string): Promise<string> {
  if (!(await exists(file))) {
    await writeFile(`${file}.new`, randomBytes(24).toString("base64url"), { mode: 0o600 });
    await rename(`${file}.new`, file);
  }
  return (await readFile(file, "utf8")).trim();
}

/** Makes the cluster beside its place and moves it there, so that one cut short is never taken for one. */
async function initialise({ folder, user, programs }: Cluster, password: string): Promise<void> {
  if (await exists(path.join(folder, "PG_VERSION"))) return;

  const draft = `${folder}.new`;
  const passwordFile = `${folder}.password`;
  await freshFolder(draft, user);
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
  if (user) await chown(passwordFile, user.uid, user.gid);
  try {
    const locale = ["--encoding=UTF8", "--no-locale", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"];
    const access = [`--username=${superuser}`, `--pwfile=${passwordFile}`, "--auth=scram-sha-256"];
    await run(programs.initdb, [`--pgdata=${draft}`, ...access, ...locale, "--no-instructions"], {
      ...asUser(user),
      timeout: initLimitMs,
    });
    await writeFile(path.join(draft, "postgresql.conf"), "include 'mailfleet.conf'\n", { flag: "a" });
    await rename(draft, folder);
  } catch (cause) {
    throw new EmbeddedError("server_failed", `initdb failed in ${draft}: ${lastWords(cause)}`, { cause });
  } finally {
    await rm(passwordFile, { force: true });
  }
}

/** The port of a server that still runs with the settings we want; another one is stopped. */
async function adopt(cluster: Cluster, { port, settings }: EmbeddedPostgresOptions): Promise<number | undefined> {
  const running = await runningPostmaster(cluster.folder);
  if (!running) return undefined;

  const asWanted = await readFile(settingsFile(cluster), "utf8").catch(() => undefined);
  const portFits = !port || port === running.port;
  if (running.status === "ready" && portFits && asWanted === postgresSettings(running.port, settings)) {
    return running.port;
  }
  await stopServer(cluster); // Starting, stopping, or set otherwise: a clean start is quicker than a guess.
  return undefined;
}

async function startOnFreePort(home: string, cluster: Cluster, options: EmbeddedPostgresOptions): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    const port = await choosePort(path.join(home, "port"), options.port);
    try {
      await startServer(cluster, port, options.settings);
      return port;
    } catch (error) {
      // Between our look at the port and the server's, somebody else may have taken it.
      const lost = !options.port && !(await isFree(port));
      if (!lost || attempt === portAttempts) throw error;
    }
  }
}

async function startServer(cluster: Cluster, port: number, settings?: Readonly<Record<string, string>>): Promise<void> {
  const { folder, user, programs } = cluster;
  await writeFile(settingsFile(cluster), postgresSettings(port, settings));
  await chmod(settingsFile(cluster), 0o644);
  const log = path.join(folder, "start.log");
  await rm(log, { force: true });
  try {
    const wait = ["--wait", `--timeout=${startLimitSeconds}`, "--silent"];
    await run(programs.pgCtl, ["start", "-D", folder, "-l", log, ...wait], asUser(user));
  } catch (cause) {
    const said = await readFile(log, "utf8").catch(() => "");
    const words = said.trim() || lastWords(cause);
    const code = words.includes("database files are incompatible") ? "version_mismatch" : "server_failed";
    throw new EmbeddedError(code, `PostgreSQL did not start in ${folder}: ${words}`, { cause });
  }
}

/** Stops it in good order; where that takes too long, at once, since its log makes it whole at the next start. */
async function stopServer(cluster: Cluster): Promise<void> {
  if (!(await runningPostmaster(cluster.folder))) return;
  try {
    await pgCtlStop(cluster, "fast", stopLimitSeconds);
  } catch {
    await pgCtlStop(cluster, "immediate", stopLimitSeconds);
  }
}

async function pgCtlStop({ folder, user, programs }: Cluster, mode: string, seconds: number): Promise<void> {
  try {
    const wait = ["--wait", `--timeout=${seconds}`, "--silent"];
    await run(programs.pgCtl, ["stop", "-D", folder, "-m", mode, ...wait], asUser(user));
  } catch (cause) {
    if (!(await runningPostmaster(folder))) return; // It went by itself meanwhile.
    throw new EmbeddedError("server_failed", `PostgreSQL did not stop in ${folder}: ${lastWords(cause)}`, { cause });
  }
}

async function watchParent(cluster: Cluster) {
  const postmaster = await runningPostmaster(cluster.folder);
  return postmaster && stopWithParent(postmaster.pid, "INT"); // SIGINT is PostgreSQL's fast shutdown.
}

const settingsFile = (cluster: Cluster): string => path.join(cluster.folder, "mailfleet.conf");

/** Nothing of our own environment: it may hold secrets, and PG* variables would change what is started. */
const asUser = (user: Credentials | undefined) => ({
  ...user,
  cwd: "/",
  env: { PATH: "/usr/local/bin:/usr/bin:/bin", LC_ALL: "C" },
});

function lastWords(error: unknown): string {
  const { stderr, stdout, message } = error as { stderr?: string; stdout?: string; message?: string };
  return (stderr?.trim() || stdout?.trim() || message || String(error)).slice(-2_000);
}
