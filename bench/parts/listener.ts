/** Which process listens on a port, for peers that do not tell their process id. Linux only. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { parentOf } from "./cpu.ts";

/** Of several processes that share the socket, the one that opened it: its parent does not hold it. */
export function pidListening(port: number): number {
  const socket = `socket:[${inodeListening(port)}]`;
  const holders = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && openFiles(name).includes(socket))
    .map(Number);
  const first = holders.find((pid) => !holders.includes(parentOf(pid)));
  if (first === undefined) throw new Error(`nothing that we can see listens on port ${port}`);
  return first;
}

const listening = "0A";

function inodeListening(port: number): string {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  for (const line of readFileSync("/proc/net/tcp", "utf8").split("\n").slice(1)) {
    const fields = line.trim().split(/\s+/);
    if (fields[1]?.endsWith(wanted) && fields[3] === listening) return fields[9] as string;
  }
  throw new Error(`nothing listens on port ${port}`);
}

function openFiles(pid: string): readonly string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((name) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${name}`);
      } catch {
        return ""; // Closed meanwhile.
      }
    });
  } catch {
    return []; // Ended meanwhile, or not ours to look at.
  }
}
