/** CPU time from /proc, so that a figure can say where a message's time went. Linux only. */
import { readdirSync, readFileSync } from "node:fs";

/** Processes whose time is counted together, such as PostgreSQL with all of its backends. */
export interface CpuGroup {
  readonly name: string;
  readonly pids: readonly number[];
  /** Whether what these processes have started is counted too, the ended ones included. */
  readonly withChildren: boolean;
}

/** CPU time in seconds, user and system together, by group. */
export type CpuTimes = ReadonlyMap<string, number>;

/** `sysconf(_SC_CLK_TCK)` of every Linux that Node runs on. */
const ticksPerSecond = 100;

interface ProcessTimes {
  readonly parent: number;
  readonly ownTicks: number;
  /** Of children that have ended. */
  readonly endedTicks: number;
}

export function cpuTimes(groups: readonly CpuGroup[]): CpuTimes {
  const processes = readProcesses();
  return new Map(
    groups.map(({ name, pids, withChildren }) => {
      const ticks = pids.map((pid) => ticksOf(pid, processes, withChildren)).reduce((sum, n) => sum + n, 0);
      return [name, ticks / ticksPerSecond];
    }),
  );
}

/** CPU time that the whole machine has spent since it started, in seconds: all that was not idle or waiting for a disk. */
export function machineCpuSeconds(): number {
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = (
    readFileSync("/proc/stat", "utf8").split("\n")[0] ?? ""
  )
    .trim()
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return (user + nice + system + irq + softirq + steal) / ticksPerSecond;
}

/** The process that started `pid`. */
export function parentOf(pid: number): number {
  const found = readProcess(String(pid));
  if (!found) throw new Error(`there is no process ${pid}`);
  return found.parent;
}

function ticksOf(pid: number, processes: ReadonlyMap<number, ProcessTimes>, withChildren: boolean): number {
  const found = processes.get(pid);
  if (!found) return 0;
  if (!withChildren) return found.ownTicks;
  let ticks = found.ownTicks + found.endedTicks;
  for (const [child, { parent }] of processes) if (parent === pid) ticks += ticksOf(child, processes, true);
  return ticks;
}

function readProcesses(): ReadonlyMap<number, ProcessTimes> {
  const processes = new Map<number, ProcessTimes>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const found = readProcess(name);
    if (found) processes.set(Number(name), found);
  }
  return processes;
}

function readProcess(pid: string): ProcessTimes | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name in brackets may hold anything; what follows it is numbers (proc(5)).
    const fields = stat
      .slice(stat.lastIndexOf(")") + 2)
      .split(" ")
      .map(Number);
    const [parent = 0, user = 0, system = 0, endedUser = 0, endedSystem = 0] = [1, 11, 12, 13, 14].map(
      (n) => fields[n],
    );
    return { parent, ownTicks: user + system, endedTicks: endedUser + endedSystem };
  } catch {
    return undefined; // It ended meanwhile.
  }
}
