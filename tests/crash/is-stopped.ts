import { execFile } from "node:child_process";
import { promisify } from "node:util";

/** Whether a process stands still, as SIGSTOP leaves it. */
export async function isStopped(pid: number): Promise<boolean> {
  const { stdout } = await promisify(execFile)("ps", ["-o", "state=", "-p", `${pid}`]);
  return stdout.trim().startsWith("T");
}
