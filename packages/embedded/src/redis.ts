import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { open, readFile, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { EmbeddedError } from "./embedded-error.ts";
import { type FolderLock, lockFolder, makeHome } from "./folder-lock.ts";
import { choosePort, isFree } from "./port.ts";
import { identifyProcess, isAlive, type ProcessIdentity } from "./process-identity.ts";
import { askRedis } from "./redis-conversation.ts";
import { type ServerLife, serverLife } from "./server-life.ts";
import { stopWithParent } from "./stop-with-parent.ts";

export interface PrivateRedisOptions {
  /** The data folder; Redis keeps its log and its port in `redis/` in it, and no data. */
  readonly dataDir: string;
  /** A fixed port on 127.0.0.1; left out or 0, a free one is chosen once and kept. */
  readonly port?: number;
  /** A fixed password of base64url characters; left out, a new one is drawn at every start. */
  readonly password?: string;
  /** The program; `redis-server` on the PATH where left out. */
  readonly binary?: string;
  /** Stops the server when this process dies, however it dies. By default it stays, for the next start to adopt. */
  readonly stopWithParent?: boolean;
}

/** A running private Redis. Disposing of it stops it. Revived, it is empty, and on its port. */
export interface PrivateRedis extends ServerLife {
  /** `redis://…`, with its password. */
  readonly url: string;
  readonly port: number;
  /** True where it was still running, left by a process that was killed. */
  readonly adopted: boolean;
}

const startLimitMs = 15_000;
const stopLimitMs = 5_000;
const portAttempts = 3;
const pollMs = 20;

/**
 * Starts a Redis for this data folder, or adopts the one that still runs there. It keeps nothing on disk, as the
 * fleet can rebuild whatever it holds; it never evicts, as a lost key would be a lost errand.
 *
 * Throws EmbeddedError.
 */
export async function startPrivateRedis(options: PrivateRedisOptions): Promise<PrivateRedis> {
  const home = path.resolve(options.dataDir, "redis");
  await makeHome(home);
  const lock = await lockFolder(home);
  try {
    return await startLocked(home, lock, options);
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/** What a start leaves in the data folder for the next one. */
interface Running extends ProcessIdentity {
  readonly port: number;
  readonly password: string;
}

async function startLocked(home: string, lock: FolderLock, options: PrivateRedisOptions): Promise<PrivateRedis> {
  const record = path.join(home, "running.json");
  const orphan = await adopt(record, options);
  let server = orphan ?? (await startOnFreePort(home, record, options));
  const watchParent = () => (options.stopWithParent ? stopWithParent(server.pid, "TERM") : undefined);
  let watch = watchParent();

  const restart = async () => {
    if (await isStill(server)) return false;
    const { port, password } = server;
    server = await start(home, record, port, { ...options, password });
    watch?.release();
    watch = watchParent();
    return true;
  };
  const end = async () => {
    await stopServer(server);
    watch?.release();
    await rm(record, { force: true });
    await lock.release();
  };
  return {
    url: `redis://:${server.password}@127.0.0.1:${server.port}`,
    port: server.port,
    adopted: orphan !== undefined,
    ...serverLife(restart, end),
  };
}

/** The server that the record tells of, if it lives and knows our password; one that does not answer is stopped. */
async function adopt(record: string, { port, password }: PrivateRedisOptions): Promise<Running | undefined> {
  const running = await readRecord(record);
  if (!running || !(await isStill(running))) return undefined;
  const fits = (!port || port === running.port) && (!password || password === running.password);
  if (fits && (await askRedis(running.port, running.password, "PING")) === "+PONG") return running;
  await stopServer(running);
  return undefined;
}

async function startOnFreePort(home: string, record: string, options: PrivateRedisOptions): Promise<Running> {
  const portFile = path.join(home, "port");
  for (let attempt = 1; ; attempt++) {
    const port = await choosePort(portFile, options.port);
    try {
      return await start(home, record, port, options);
    } catch (error) {
      // Between our look at the port and the server's, somebody else may have taken it.
      const lost = !options.port && !(await isFree(port));
      if (!lost || attempt === portAttempts) throw error;
    }
  }
}

async function start(home: string, record: string, port: number, options: PrivateRedisOptions): Promise<Running> {
  const password = options.password ?? randomBytes(24).toString("base64url");
  const logFile = path.join(home, "redis.log");
  const log = await open(logFile, "w", 0o600);

  // The settings come by stdin: on the command line every user of the machine could read the password.
  const program = options.binary ?? "redis-server";
  const child = spawn(program, ["-"], { cwd: home, detached: true, stdio: ["pipe", log.fd, log.fd] });
  const failed = new Promise<Error>((resolve) => {
    child.once("error", resolve);
    child.once("exit", (code, signal) => resolve(new Error(`it ended with ${code ?? signal}`)));
  });
  child.stdin!.on("error", () => {}); // Told by `failed`.
  child.stdin!.end(redisSettings(port, password));
  child.unref();
  await log.close();

  const ready = await Promise.race([failed, answers(port, password)]);
  const identity = child.pid === undefined ? undefined : await identifyProcess(child.pid);
  if (ready !== true || !identity) {
    child.kill("SIGKILL");
    throw await startError(program, logFile, ready);
  }
  const running = { ...identity, port, password };
  await writeFile(`${record}.new`, JSON.stringify(running), { mode: 0o600 });
  await rename(`${record}.new`, record);
  return running;
}

const redisSettings = (port: number, password: string): string =>
  [
    "bind 127.0.0.1",
    `port ${port}`,
    "protected-mode yes",
    `requirepass ${password}`,
    'save ""',
    "appendonly no",
    "maxmemory-policy noeviction",
    "daemonize no",
    "",
  ].join("\n");

/** True once it answers to our password; false when the limit has passed. */
async function answers(port: number, password: string): Promise<boolean> {
  const deadline = performance.now() + startLimitMs;
  while (performance.now() < deadline) {
    if ((await askRedis(port, password, "PING")) === "+PONG") return true;
    await pause();
  }
  return false;
}

async function startError(program: string, logFile: string, ready: unknown): Promise<EmbeddedError> {
  if (ready instanceof Error && (ready as NodeJS.ErrnoException).code === "ENOENT") {
    return new EmbeddedError("program_missing", `${program} was not found; install Redis, or set its URL`);
  }
  const said = (await readFile(logFile, "utf8").catch(() => "")).trim().slice(-2_000);
  const why = ready instanceof Error ? ready.message : `no answer within ${startLimitMs} ms`;
  return new EmbeddedError("server_failed", `${program} did not start: ${why}${said ? `\n${said}` : ""}`);
}

async function stopServer(server: Running): Promise<void> {
  const deadline = performance.now() + stopLimitMs;
  for (let signal: NodeJS.Signals | undefined = "SIGTERM"; await isStill(server); ) {
    if (performance.now() > deadline) signal = "SIGKILL"; // It holds nothing that could be lost.
    if (signal && isAlive(server.pid)) process.kill(server.pid, signal);
    signal = undefined;
    await pause();
  }
  while (!(await isFree(server.port)) && performance.now() < deadline) await pause();
}

const isStill = async (server: ProcessIdentity): Promise<boolean> =>
  (await identifyProcess(server.pid))?.startedAt === server.startedAt;

async function readRecord(record: string): Promise<Running | undefined> {
  try {
    const { pid, startedAt, port, password } = JSON.parse(await readFile(record, "utf8"));
    return { pid, startedAt, port, password };
  } catch {
    return undefined; // None, or cut off: then the server it told of is found by nobody, and holds nothing.
  }
}

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, pollMs));
