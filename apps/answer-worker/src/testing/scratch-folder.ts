import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

/** A folder of a test's own, gone when `later` has its turn. */
export async function scratchFolder(later: (work: () => Promise<void>) => void): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), "mailfleet-answer-"));
  later(() => rm(folder, { recursive: true }));
  return folder;
}
