import { randomUUID } from "node:crypto";
import { chmod, chown, mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { EmbeddedError } from "./embedded-error.ts";
import { makeOpenFolder, openFolder } from "./postgres-programs.ts";
import { type Credentials, mayEnter } from "./unprivileged-user.ts";

/**
 * Where the cluster of the data folder `home` lies (a server's own folder, named `name`): in `home` itself, unless
 * the server's user cannot get there (root's data folder below a closed one); then in a folder of root's that is
 * open, which `home` remembers by name.
 */
export async function clusterFolder(home: string, user: Credentials | undefined, name = "cluster"): Promise<string> {
  const existing = await existingCluster(home, name);
  if (!user || existing !== path.join(home, name)) return existing;

  await chmod(home, 0o711); // The server's user passes through, and sees nothing but its own folder.
  if (await mayEnter(user, home)) return path.join(home, name);

  await makeOpenFolder();
  const location = path.join(openFolder, `data-${randomUUID()}`);
  await mkdir(location, { mode: 0o711 });
  await chmod(location, 0o711);
  await writeFile(path.join(home, "location"), `${location}\n`);
  return path.join(location, name);
}

/** Where an earlier start put the cluster, or this one would first try to. */
export async function existingCluster(home: string, name = "cluster"): Promise<string> {
  const elsewhere = await readFile(path.join(home, "location"), "utf8").catch(() => undefined);
  if (elsewhere === undefined) return path.join(home, name);

  const location = elsewhere.trim();
  if (await exists(location)) return path.join(location, name);
  // Not ours to decide: an empty database in the place of a lost one would look like a working fleet.
  throw new EmbeddedError("server_failed", `${location}, the data of ${home}, is gone; remove ${home} to start anew`);
}

/** An empty folder of the server's user, whatever an interrupted start left there. */
export async function freshFolder(folder: string, user: Credentials | undefined): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { mode: 0o700 });
  if (user) await chown(folder, user.uid, user.gid);
}

export const exists = (file: string): Promise<boolean> =>
  stat(file).then(
    () => true,
    () => false,
  );
