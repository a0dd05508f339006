import { spawn } from "node:child_process";

/** Stops watching; the server is then nobody's business but its owner's. */
export interface ParentWatch {
  release(): void;
}

/**
 * Sends `signal` to process `pid`, or to the group `-pid`, when this process is gone, even by SIGKILL: a small shell
 * reads from a pipe whose only other end is ours, and the pipe ends when we do.
 */
export function stopWithParent(pid: number, signal: "INT" | "TERM"): ParentWatch {
  const watcher = spawn("/bin/sh", ["-c", 'read -r word || kill -s "$1" -- "$2"', "sh", signal, String(pid)], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true, // Ctrl-C must not end the watcher before it has seen us go.
  });
  watcher.unref();
  (watcher.stdin as NodeJS.WritableStream & { unref?: () => void }).unref?.();
  watcher.stdin.on("error", () => {}); // It may have gone first; then there is nobody to tell.
  watcher.on("error", () => {});
  return { release: () => watcher.stdin.end("released\n") };
}
