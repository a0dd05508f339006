import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { type PrivateRedis as Server, startPrivateRedis } from "@mailfleet/embedded";

/** A Redis process of one test's own, on an address that stays the same over restarts. */
export interface PrivateRedis extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** FLUSHALL: every job and every memory is gone, while connections stay. */
  flush(): Promise<void>;
  /** Stops it; connections break, and nobody listens until `start`. */
  stop(): Promise<void>;
  /** Starts it again, empty, where it was. */
  start(): Promise<void>;
  /** Stops and starts it. */
  restart(): Promise<void>;
  /** Sends one inline command, such as `DBSIZE`, and resolves with the first line of its reply. */
  ask(command: string): Promise<string>;
}

export async function privateRedis(): Promise<PrivateRedis> {
  const dataDir = await mkdtemp(path.join(tmpdir(), "mailfleet-test-redis-"));
  const first = await startPrivateRedis({ dataDir, stopWithParent: true });
  const { url, port } = first;
  let server: Server | undefined = first;

  const stop = async () => {
    const running = server;
    server = undefined;
    await running?.stop();
  };
  const start = async () => {
    server ??= await startPrivateRedis({ dataDir, port, password: new URL(url).password, stopWithParent: true });
  };
  const ask = (command: string) => converse(url, command);
  return {
    url,
    port,
    stop,
    start,
    ask,
    async restart() {
      await stop();
      await start();
    },
    async flush() {
      const reply = await ask("FLUSHALL");
      if (reply !== "+OK") throw new Error(`FLUSHALL was answered ${reply}`);
    },
    async [Symbol.asyncDispose]() {
      await stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

const replyLimitMs = 10_000;

/** One command on a connection of its own, in Redis's inline protocol: a driver would test itself. */
function converse(url: string, command: string): Promise<string> {
  const { hostname, port, password } = new URL(url);
  return new Promise((resolve, reject) => {
    let heard = "";
    const socket = connect({ host: hostname, port: Number(port) });
    const fail = (error: Error) => {
      socket.destroy();
      reject(error);
    };
    socket.setEncoding("utf8");
    socket.setTimeout(replyLimitMs, () => fail(new Error(`Redis did not answer ${command} in ${replyLimitMs} ms`)));
    socket.once("error", fail);
    socket.once("close", () => fail(new Error(`Redis hung up on ${command}`)));
    socket.once("connect", () => socket.write(`AUTH ${password}\r\n${command}\r\n`));
    socket.on("data", (chunk) => {
      heard += chunk;
      const [, reply, ...rest] = heard.split("\r\n");
      if (rest.length === 0) return;
      socket.destroy();
      resolve(reply ?? "");
    });
  });
}
