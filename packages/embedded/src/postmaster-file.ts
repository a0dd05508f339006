import { readFile } from "node:fs/promises";
import path from "node:path";
import { commandOf, isAlive } from "./process-identity.ts";

/** What a running server says of itself in `postmaster.pid`. */
export interface Postmaster {
  readonly pid: number;
  readonly port: number;
  readonly status: "starting" | "stopping" | "ready" | "standby" | "unknown";
}

/**
 * The server that runs on `cluster` now. Undefined where the file is missing, or stale: its process is gone,
 * or its number belongs to a program that does not serve this cluster. PostgreSQL itself replaces a stale file.
 */
export async function runningPostmaster(cluster: string): Promise<Postmaster | undefined> {
  const text = await readFile(path.join(cluster, "postmaster.pid"), "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  const postmaster = parsePostmasterFile(text);
  if (!postmaster || !isAlive(postmaster.pid)) return undefined;

  const command = await commandOf(postmaster.pid);
  return command?.includes("postgres") && command.includes(cluster) ? postmaster : undefined;
}

/** Line 1 is the process, line 4 the port, line 8 the status (PostgreSQL's `utils/pidfile.h`). */
export function parsePostmasterFile(text: string): Postmaster | undefined {
  const lines = text.split("\n");
  const pid = Number(lines[0]);
  if (!Number.isInteger(pid) || pid <= 1) return undefined;
  return { pid, port: Number(lines[3] ?? 0), status: statusOf(lines[7]?.trim()) };
}

function statusOf(word: string | undefined): Postmaster["status"] {
  switch (word) {
    case "starting":
    case "stopping":
    case "ready":
    case "standby":
      return word;
    default:
      return "unknown";
  }
}
