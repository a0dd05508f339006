import { mkdir, open, opendir, rename, rm, stat } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { BlobError, type BlobStore, isBlobKey } from "./blob.ts";

const pieceBytes = 64 * 1024;

/** A folder of one host, spread over 256 below it. What was said to be stored survives a loss of power. */
export function openBlobFolder(url: URL): BlobStore {
  const root = fileURLToPath(url);
  const placeOf = (key: string) => {
    if (!isBlobKey(key)) throw new BlobError("blob_missing", "this is no key of a blob");
    // The last digits, since the first are a time and would put a day's blobs into one folder.
    return path.join(root, key.slice(-2), key);
  };

  return {
    async put(key, bytes) {
      const place = placeOf(key);
      const folder = path.dirname(place);
      const made = await mkdir(folder, { recursive: true });
      if (made !== undefined) await syncFoldersBetween(path.dirname(made), path.dirname(folder));
      const draft = `${place}.draft`;
      await using file = await open(draft, "w", 0o600);
      await file.writeFile(bytes);
      await file.sync();
      await rename(draft, place);
      await syncFolder(folder);
    },

    async *get(key) {
      const place = placeOf(key);
      const file = await open(place, "r").catch((error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT") throw new BlobError("blob_missing", `there is no blob ${key}`, { cause: error });
        throw error;
      });
      try {
        yield* file.createReadStream({ highWaterMark: pieceBytes, autoClose: false });
      } finally {
        await file.close();
      }
    },

    async delete(key) {
      await rm(placeOf(key), { force: true });
    },

    async *listOlderThan(moment) {
      for await (const folder of entriesOf(root)) {
        if (!folder.isDirectory()) continue;
        for await (const { name } of entriesOf(path.join(root, folder.name))) {
          if (!isBlobKey(name)) continue;
          const found = await stat(path.join(root, folder.name, name)).catch(() => undefined); // Deleted meanwhile.
          if (found && found.mtime < moment) yield name;
        }
      }
    },
  };
}

async function* entriesOf(folder: string) {
  try {
    yield* await opendir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}

/** A name is durable once its folder is synced, from the first folder that was there before down to the last new one. */
async function syncFoldersBetween(first: string, last: string): Promise<void> {
  for (let folder = last; ; folder = path.dirname(folder)) {
    await syncFolder(folder);
    if (folder === first || folder === path.dirname(folder)) return;
  }
}

async function syncFolder(folder: string): Promise<void> {
  await using handle = await open(folder, "r");
  await handle.sync();
}
