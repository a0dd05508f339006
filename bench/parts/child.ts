/** The processes that a bench runs beside itself. They end with it, however it ends. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** A running process. Disposing of it ends it and waits until it is gone. */
export interface Child extends AsyncDisposable {
  readonly pid: number;
  /** What the program reports with `process.send`. Rejects when it ends without a word. */
  report<T>(withinMs: number): Promise<T>;
  /** Asks the program to go on; programs say what it means to them. */
  send(message: string): void;
  /** SIGTERM, and SIGKILL when that is not heard within `graceMs`. */
  end(graceMs?: number): Promise<void>;
}

export interface ChildOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Takes what it writes; nothing is kept where left out. */
  readonly logFile?: string;
  /** For programs that report. */
  readonly ipc?: boolean;
  /** Arguments of Node's own, such as `--cpu-prof`. */
  readonly nodeArgs?: readonly string[];
}

const root = new URL("../../", import.meta.url);

/** Starts a TypeScript program of this repository, from source. `options` reach it as JSON, in its first argument. */
export function startProgram(file: string, options: unknown, more: ChildOptions = { ipc: true }): Child {
  const args = ["--conditions=mailfleet-source", "--disable-warning=ExperimentalWarning", ...(more.nodeArgs ?? [])];
  return startChild(process.execPath, [...args, fileURLToPath(new URL(file, root)), JSON.stringify(options)], more);
}

/** Starts any program. Its environment is what is given, and a PATH. */
export function startChild(program: string, args: readonly string[], options: ChildOptions = {}): Child {
  const log = options.logFile === undefined ? "ignore" : openSync(options.logFile, "a");
  const env = { PATH: "/usr/local/bin:/usr/bin:/bin:/usr/sbin", ...options.env };
  const stdio = [
    "ignore",
    log,
    options.logFile === undefined ? "inherit" : log,
    ...(options.ipc ? ["ipc" as const] : []),
  ] as const;
  const child = spawn(program, args, { env, stdio: [...stdio] });
  if (typeof log === "number") closeSync(log);
  return childOf(child);
}

function childOf(child: ChildProcess): Child {
  const ended = once(child, "exit");
  const killWithUs = () => child.kill("SIGKILL");
  process.once("exit", killWithUs);
  ended.then(
    () => process.off("exit", killWithUs),
    () => {},
  );
  const end = async (graceMs = 10_000) => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), graceMs);
      await ended;
      clearTimeout(timer);
    }
  };
  return {
    pid: child.pid ?? 0,
    send: (message) => void child.send(message),
    report: <T>(withinMs: number) =>
      new Promise<T>((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`no report within ${withinMs} ms`)), withinMs);
        child.once("message", (message) => {
          clearTimeout(timer);
          resolve(message as T);
        });
        ended.then(([code, signal]) => reject(new Error(`it ended with ${signal ?? code}, and no report`)), reject);
      }),
    end,
    [Symbol.asyncDispose]: () => end(),
  };
}
