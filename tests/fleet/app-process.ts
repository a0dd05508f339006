import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { ArmedCrash } from "@mailfleet/service";

/** What goes wrong in a process. */
export interface AppTrouble {
  readonly crash?: ArmedCrash;
  /** By how much its wall clock is wrong. */
  readonly clockShiftMs?: number;
}

/** A line of its log. */
export type LogLine = Readonly<Record<string, unknown>>;

/** One process of the fleet. Disposing of it kills it, paused or not. */
export interface AppProcess extends AsyncDisposable {
  readonly pid: number;
  readonly isAlive: boolean;
  /** What it has said, the last thousand lines. */
  readonly log: readonly LogLine[];
  /** Resolves with the signal that ended it, or its exit code. */
  readonly ended: Promise<NodeJS.Signals | number>;
  kill(signal: NodeJS.Signals): void;
  /** Resolves with the first line, so far or from now on, that fits; rejects when it ends before, or takes too long. */
  says(fits: (line: LogLine) => boolean, withinMs?: number): Promise<LogLine>;
}

const entry = fileURLToPath(new URL("../crash/app-process.ts", import.meta.url));
/** A test starts dozens of processes of the same code; it need not be compiled for each. */
const compileCache = fileURLToPath(new URL("../../node_modules/.cache/test-apps", import.meta.url));
const logLines = 1_000;

/** `settings` are by their names without "MAILFLEET_". */
export function startApp(
  app: "intake" | "dispatch" | "watch" | "answer",
  settings: Readonly<Record<string, string>>,
  trouble: AppTrouble = {},
): AppProcess {
  const environment = Object.entries(settings).map(([name, value]) => [`MAILFLEET_${name}`, value]);
  const child = spawn(process.execPath, ["--conditions=mailfleet-source", entry, app, JSON.stringify(trouble)], {
    env: { PATH: process.env.PATH, NODE_COMPILE_CACHE: compileCache, ...Object.fromEntries(environment) },
    stdio: ["pipe", "pipe", "pipe"],
  });
  const log: LogLine[] = [];
  const listeners = new Set<(line: LogLine) => void>();
  const hear = (text: string) => {
    const line: LogLine = text.startsWith("{") ? JSON.parse(text) : { stderr: text };
    log.push(line);
    if (log.length > logLines) log.shift();
    for (const listener of listeners) listener(line);
  };
  createInterface(child.stdout).on("line", hear);
  createInterface(child.stderr).on("line", hear);
  child.stdin.on("error", () => {}); // It is gone, which `ended` tells.
  const ended = once(child, "exit").then(([code, signal]) => (signal ?? code) as NodeJS.Signals | number);
  const isAlive = () => child.exitCode === null && child.signalCode === null;

  return {
    pid: child.pid!,
    log,
    ended,
    get isAlive() {
      return isAlive();
    },
    kill: (signal) => void child.kill(signal),
    says(fits, withinMs = 20_000) {
      const { promise, resolve, reject } = Promise.withResolvers<LogLine>();
      const fail = (why: string) => reject(new Error(`${app} ${why}; it said: ${JSON.stringify(log.slice(-10))}`));
      const timer = setTimeout(() => fail(`did not say it within ${withinMs} ms`), withinMs);
      const listener = (line: LogLine) => void (fits(line) && resolve(line));
      listeners.add(listener);
      for (const line of log) listener(line);
      void ended.then((how) => fail(`ended with ${how}`));
      return promise.finally(() => {
        clearTimeout(timer);
        listeners.delete(listener);
      });
    },
    async [Symbol.asyncDispose]() {
      if (isAlive()) child.kill("SIGKILL");
      await ended;
    },
  };
}
