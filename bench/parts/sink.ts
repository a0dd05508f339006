/** Postfix's `smtp-sink`, the fastest next hop there is, which also counts what it got. */
import { accessSync, closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { connect, createServer } from "node:net";
import path from "node:path";
import { startChild } from "./child.ts";

export interface CountingSink extends AsyncDisposable {
  readonly port: number;
  readonly pid: number;
  /** Messages that it has taken since it started. */
  count(): number;
  /** Resolves once it has taken `count` messages; rejects after `withinMs`. */
  reaches(count: number, withinMs: number): Promise<void>;
}

const pollMs = 5;

/** Starts a sink that writes its counters to a file in `folder`: reading them costs nobody anything. */
export async function startSink(folder: string): Promise<CountingSink> {
  const port = await freePort();
  const countFile = path.join(folder, `sink-${port}.count`);
  // As root it wants to be told whom to become.
  const user = process.getuid?.() === 0 ? ["-u", "root"] : [];
  const child = startChild(findSink(), [...user, "-c", `127.0.0.1:${port}`, "1000"], { logFile: countFile });
  await listens(port);
  const file = openSync(countFile, "r");
  const count = () => lastCount(file);
  return {
    port,
    pid: child.pid,
    count,
    async reaches(wanted, withinMs) {
      const until = performance.now() + withinMs;
      while (count() < wanted) {
        if (performance.now() > until) throw new Error(`the sink got ${count()} of ${wanted} in ${withinMs} ms`);
        await new Promise((resolve) => setTimeout(resolve, pollMs));
      }
    },
    async [Symbol.asyncDispose]() {
      await child.end();
      closeSync(file);
    },
  };
}

/** The counters are written over one another: "sess=20 quit=0 mesg=1234\r". */
function lastCount(file: number): number {
  const { size } = fstatSync(file);
  const tail = Buffer.alloc(Math.min(size, 128));
  readSync(file, tail, 0, tail.length, size - tail.length);
  const counts = [...tail.toString("latin1").matchAll(/mesg=(\d+)\r/g)];
  return Number(counts.at(-1)?.[1] ?? 0);
}

function findSink(): string {
  for (const folder of ["/usr/sbin", "/usr/bin", "/usr/local/sbin"]) {
    const program = path.join(folder, "smtp-sink");
    try {
      accessSync(program, constants.X_OK);
      return program;
    } catch {} // The next one.
  }
  throw new Error("smtp-sink was not found; on Debian it comes with: apt-get install postfix");
}

/** A port that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

const listenWithinMs = 20_000;

/** Resolves once something accepts connections on the port. */
export async function listens(port: number): Promise<void> {
  const until = performance.now() + listenWithinMs;
  for (;;) {
    const accepted = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1");
      socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
      socket.once("connect", () => socket.destroy());
    });
    if (accepted) return;
    if (performance.now() > until) throw new Error(`nothing listens on port ${port} after ${listenWithinMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, pollMs * 4));
  }
}
