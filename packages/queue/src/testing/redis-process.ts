import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { Redis } from "ioredis";

/** A Redis process of a test's own, which may be emptied, paused, stopped and started again on the same port. */
export interface RedisProcess extends AsyncDisposable {
  readonly url: string;
  /** One command from outside. */
  command(name: string, ...args: string[]): Promise<unknown>;
  stop(): Promise<void>;
  start(): Promise<void>;
  /** Lets it hang: connections stay, and nothing is answered. */
  pause(): void;
  resume(): void;
}

/** Where a Redis keeps nothing on disk. */
const inMemory = ["--save", "", "--appendonly", "no"];

/** `args` take the place of those that keep it in memory; a configuration file comes first. */
export async function redisProcess({
  started = true,
  args = inMemory,
}: {
  readonly started?: boolean;
  readonly args?: readonly string[];
} = {}): Promise<RedisProcess> {
  const port = await freePort();
  const url = `redis://127.0.0.1:${port}/0`;
  let child: ChildProcess | undefined;

  async function start(): Promise<void> {
    child = spawn("redis-server", [...args, "--port", String(port), "--bind", "127.0.0.1"], {
      stdio: ["ignore", "pipe", "inherit"],
      cwd: "/tmp",
    });
    for await (const text of child.stdout!.setEncoding("utf8").iterator({ destroyOnReturn: false })) {
      if (/Ready to accept connections|\+monitor master/.test(String(text))) break;
    }
    child.stdout!.resume();
  }

  async function stop(): Promise<void> {
    const running = child;
    child = undefined;
    if (running === undefined) return;
    const ended = once(running, "exit");
    running.kill("SIGKILL");
    await ended;
  }

  if (started) await start();
  return {
    url,
    start,
    stop,
    pause: () => void child?.kill("SIGSTOP"),
    resume: () => void child?.kill("SIGCONT"),
    async command(name, ...args) {
      const client = new Redis(url);
      try {
        return await client.call(name, ...args);
      } finally {
        client.disconnect();
      }
    },
    [Symbol.asyncDispose]: stop,
  };
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}
