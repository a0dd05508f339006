import { randomBytes } from "node:crypto";
import { chmod, link, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";

/** What `mailfleet up` keeps in the data folder on the embedded default; other commands on this machine find it there. */
export const dataFiles = {
  adminToken: "admin-token",
  secretKeys: "secret-keys",
  demoMailbox: "demo-mailbox",
  demoKey: "demo-key",
  /** Where the API listened last. */
  apiUrl: "api-url",
} as const;

type DataFile = (typeof dataFiles)[keyof typeof dataFiles];

/** The content, or nothing where there is no such file. */
export async function readDataFile(dataDir: string, file: DataFile): Promise<string | undefined> {
  try {
    return (await readFile(path.join(dataDir, file), "utf8")).trim() || undefined;
  } catch (error) {
    if (["ENOENT", "EACCES", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw error;
  }
}

/** Written whole or not at all, and for the owner's eyes only. */
export async function writeDataFile(dataDir: string, file: DataFile, content: string): Promise<void> {
  await place(dataDir, file, content, rename);
}

/**
 * The secret that is kept under this name; made by `make` the first time. Where two processes make one at once,
 * both get the one that came first.
 */
export async function keepSecret(dataDir: string, file: DataFile, make: () => string): Promise<string> {
  const kept = await readDataFile(dataDir, file);
  if (kept !== undefined) return kept;
  await place(dataDir, file, make(), async (draft, target) => {
    await link(draft, target).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
    });
    await rm(draft, { force: true });
  });
  const now = await readDataFile(dataDir, file);
  if (now === undefined) throw new Error(`${path.join(dataDir, file)} is empty; remove it, and it will be made anew`);
  return now;
}

async function place(
  dataDir: string,
  file: DataFile,
  content: string,
  settle: (draft: string, target: string) => Promise<void>,
): Promise<void> {
  await mkdir(dataDir, { recursive: true });
  const target = path.join(dataDir, file);
  const draft = `${target}.${randomBytes(6).toString("hex")}`;
  await writeFile(draft, `${content}\n`, { mode: 0o600, flush: true });
  await settle(draft, target);
  await chmod(target, 0o600);
}
