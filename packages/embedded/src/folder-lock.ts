import { randomUUID } from "node:crypto";
import { link, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { EmbeddedError } from "./embedded-error.ts";
import { identifyProcess } from "./process-identity.ts";

/** The right to use a data folder, held by this process until it is released or the process is gone. */
export interface FolderLock {
  release(): Promise<void>;
}

/** A holder that is on its way out, as after a restart by a supervisor, is waited for. */
const waitLimitMs = 4_000;
const pollMs = 50;

/** Makes a server's own folder, closed to others, in a data folder whose mode is its owner's choice. */
export async function makeHome(home: string): Promise<void> {
  await mkdir(path.dirname(home), { recursive: true });
  await mkdir(home, { recursive: true, mode: 0o700 });
}

/**
 * Locks `folder` for this process. The lock names its holder by number and start time, so that of a process
 * that was killed is taken over at once, even if its number is in use again.
 *
 * Throws `folder_in_use` where its holder lives on for a few seconds.
 */
export async function lockFolder(folder: string): Promise<FolderLock> {
  const file = path.join(folder, "lock");
  const self = await identifyProcess(process.pid);
  const mine = `${JSON.stringify(self)}\n`;

  for (const deadline = performance.now() + waitLimitMs; ; ) {
    if (await createWith(file, mine)) return { release: () => removeIf(file, mine) };

    const theirs = await readFile(file, "utf8").catch(() => undefined);
    if (theirs === undefined) continue; // Released between our two looks.
    const holder = await livingHolder(theirs);
    if (holder === undefined) await removeIf(file, theirs);
    else if (holder === process.pid || performance.now() > deadline) {
      throw new EmbeddedError("folder_in_use", `${folder} is in use by process ${holder}; stop that one first`);
    } else await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

/** Creates the file whole or not at all: a link cannot be seen half-written, and fails where one exists. */
async function createWith(file: string, content: string): Promise<boolean> {
  const draft = `${file}.${randomUUID()}`;
  await writeFile(draft, content, { mode: 0o600 });
  try {
    await link(draft, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

/** Removes the lock only if it still says `content`: somebody else may have taken over meanwhile. */
async function removeIf(file: string, content: string): Promise<void> {
  const aside = `${file}.${randomUUID()}`;
  try {
    await rename(file, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  if ((await readFile(aside, "utf8")) !== content) await link(aside, file).catch(() => {});
  await rm(aside, { force: true });
}

async function livingHolder(content: string): Promise<number | undefined> {
  const holder = parseHolder(content);
  if (holder === undefined) return undefined;
  const now = await identifyProcess(holder.pid);
  return now?.startedAt === holder.startedAt ? holder.pid : undefined;
}

function parseHolder(content: string): { pid: number; startedAt: string } | undefined {
  try {
    const { pid, startedAt } = JSON.parse(content);
    return Number.isInteger(pid) && typeof startedAt === "string" ? { pid, startedAt } : undefined;
  } catch {
    return undefined; // Cut off by a full disk, say: nobody can hold it.
  }
}
