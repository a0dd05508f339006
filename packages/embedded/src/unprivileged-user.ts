import { execFile } from "node:child_process";
import { stat } from "node:fs/promises";
import { promisify } from "node:util";

/** Whom a server runs as. */
export interface Credentials {
  readonly uid: number;
  readonly gid: number;
}

const run = promisify(execFile);

/**
 * Whom a server must run as: undefined (as ourselves) unless we are root, whom PostgreSQL refuses and Dovecot
 * need not be.
 *
 * As root it is the owner of its existing folder, else the machine's own user of that name, else `nobody`, which
 * every machine has: no user is created for it.
 */
export async function unprivilegedUser(folder: string, name = "postgres"): Promise<Credentials | undefined> {
  if (process.getuid?.() !== 0) return undefined;

  const existing = await stat(folder).catch(() => undefined);
  if (existing && existing.uid !== 0) return { uid: existing.uid, gid: existing.gid };

  return (await accountNamed(name)) ?? (await accountNamed("nobody"));
}

/** Whether that user may use `folder`, tried for real: modes, ACLs and mount options all have a say. */
export async function mayEnter(user: Credentials, folder: string): Promise<boolean> {
  return succeeds(run("/bin/sh", ["-c", 'cd "$1"', "sh", folder], { ...user, cwd: "/" }));
}

/** Whether that user may run `program`. */
export async function mayRun(user: Credentials, program: string): Promise<boolean> {
  return succeeds(run(program, ["--version"], { ...user, cwd: "/" }));
}

async function accountNamed(name: string): Promise<Credentials | undefined> {
  try {
    const [uid, gid] = await Promise.all(["-u", "-g"].map((flag) => run("id", [flag, name])));
    return { uid: Number(uid?.stdout), gid: Number(gid?.stdout) };
  } catch {
    return undefined;
  }
}

const succeeds = (running: Promise<unknown>): Promise<boolean> =>
  running.then(
    () => true,
    () => false,
  );
