import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { startEmbeddedPostgres, startPrivateRedis } from "./index.ts";
import { isFree } from "./port.ts";
import { isAlive } from "./process-identity.ts";
import { askRedis } from "./redis-conversation.ts";

let dataDir: string;
const children: ChildProcess[] = [];

beforeEach(async () => {
  dataDir = await mkdtemp(path.join(tmpdir(), "mailfleet-embedded-"));
  await chmod(dataDir, 0o711); // As root, PostgreSQL runs as another user, who must get in.
});

afterEach(async () => {
  for (const child of children.splice(0)) await killed(child);
  // Whatever a test left running.
  if (existsSync(path.join(dataDir, "postgres"))) await (await startEmbeddedPostgres({ dataDir })).stop();
  if (existsSync(path.join(dataDir, "redis"))) await (await startPrivateRedis({ dataDir })).stop();
  const elsewhere = await readFile(path.join(dataDir, "postgres", "location"), "utf8").catch(() => undefined);
  if (elsewhere !== undefined) await rm(elsewhere.trim(), { recursive: true });
  await rm(dataDir, { recursive: true });
});

interface Urls {
  readonly postgres: string;
  readonly redis: string;
}

async function forked(...words: string[]): Promise<{ child: ChildProcess; urls: Urls }> {
  const program = fileURLToPath(new URL("./testing/start-and-wait.ts", import.meta.url));
  const child = fork(program, [dataDir, ...words], { execArgv: ["--conditions=mailfleet-source"], stdio: "inherit" });
  children.push(child);
  const [urls] = await once(child, "message", { signal: AbortSignal.timeout(20_000) });
  return { child, urls };
}

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.kill("SIGKILL");
  await exit;
}

async function eventually(condition: () => Promise<boolean> | boolean, deadlineMs = 15_000): Promise<void> {
  for (const end = performance.now() + deadlineMs; !(await condition()); ) {
    if (performance.now() > end) throw new Error("the condition did not come true in time");
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const portOf = (url: string): number => Number(new URL(url).port);

test("a server that outlived its parent is adopted, with its address and password", async () => {
  const { child, urls } = await forked();
  await killed(child);

  await using postgres = await startEmbeddedPostgres({ dataDir });
  await using redis = await startPrivateRedis({ dataDir });
  expect({ adopted: postgres.adopted, url: postgres.url }).toEqual({ adopted: true, url: urls.postgres });
  expect({ adopted: redis.adopted, url: redis.url }).toEqual({ adopted: true, url: urls.redis });
});

test("with stopWithParent no server outlives its parent, even a killed one", async () => {
  const { child, urls } = await forked("stopWithParent");
  await killed(child);
  await eventually(async () => (await isFree(portOf(urls.postgres))) && (await isFree(portOf(urls.redis))));

  await using postgres = await startEmbeddedPostgres({ dataDir });
  expect(postgres.adopted).toBe(false);
});

test("a data folder serves one process at a time, and says which", async () => {
  const { child } = await forked();
  const inUse = { code: "folder_in_use", message: expect.stringContaining(String(child.pid)) };
  const refusals = [startEmbeddedPostgres({ dataDir }), startPrivateRedis({ dataDir })];
  await Promise.all(refusals.map((refusal) => expect(refusal).rejects.toMatchObject(inUse)));
});

test("a holder that is on its way out is waited for", async () => {
  const { child, urls } = await forked();
  const next = startPrivateRedis({ dataDir });
  await killed(child);
  await using redis = await next;
  expect(redis.url).toBe(urls.redis);
});

test("a lock and a pid file that name a living stranger stop nobody", async () => {
  await using first = await startEmbeddedPostgres({ dataDir });
  const cluster = await clusterOf(dataDir);
  await first.stop();

  // Our own number, as if the machine had given it to us after the old holder was gone.
  await writeFile(path.join(dataDir, "postgres", "lock"), JSON.stringify({ pid: process.pid, startedAt: "long ago" }));
  await writeFile(path.join(cluster, "postmaster.pid"), `${process.ppid}\n${cluster}\n1\n${first.port}\n\n\n\nready\n`);

  await using second = await startEmbeddedPostgres({ dataDir });
  expect(second.adopted).toBe(false);
  await second.stop();
  expect(isAlive(process.ppid)).toBe(true);
});

test("a server whose settings are no longer wanted is restarted, not adopted", async () => {
  const { child } = await forked();
  await killed(child);
  await using postgres = await startEmbeddedPostgres({ dataDir, settings: { max_connections: "50" } });
  expect(postgres.adopted).toBe(false);
  expect(await readFile(path.join(await clusterOf(dataDir), "mailfleet.conf"), "utf8")).toContain("'50'");
});

test("an interrupted initialisation is begun anew", async () => {
  const first = await startEmbeddedPostgres({ dataDir });
  await first.stop();
  const cluster = await clusterOf(dataDir);
  await rm(cluster, { recursive: true });
  await writeFile(`${cluster}.new`, "half a cluster");
  await using second = await startEmbeddedPostgres({ dataDir });
  expect(second.port).toBe(first.port);
});

test("a port that is taken is refused by name when asked for, and replaced when only remembered", async () => {
  const first = await startEmbeddedPostgres({ dataDir });
  await first.stop();
  const squatter = createServer().listen(first.port, "127.0.0.1");
  await once(squatter, "listening");
  try {
    const asked = startEmbeddedPostgres({ dataDir, port: first.port });
    await expect(asked).rejects.toMatchObject({
      code: "port_taken",
      message: expect.stringContaining(`${first.port}`),
    });
    await using second = await startEmbeddedPostgres({ dataDir });
    expect(second.port).not.toBe(first.port);
  } finally {
    squatter.close();
  }
});

test.skipIf(process.getuid?.() !== 0)("root's data folder may be closed: the cluster then lies elsewhere", async () => {
  await chmod(dataDir, 0o700);
  const first = await startEmbeddedPostgres({ dataDir });
  await first.stop();
  const location = (await readFile(path.join(dataDir, "postgres", "location"), "utf8")).trim();
  expect(existsSync(path.join(location, "cluster", "PG_VERSION"))).toBe(true);

  await using second = await startEmbeddedPostgres({ dataDir });
  expect(second.url).toBe(first.url);
});

test("passwords are for their owner's eyes only", async () => {
  await using _postgres = await startEmbeddedPostgres({ dataDir });
  await using _redis = await startPrivateRedis({ dataDir });
  for (const file of ["postgres/password", "redis/running.json"]) {
    expect((await stat(path.join(dataDir, file))).mode & 0o777).toBe(0o600);
  }
});

test("Redis answers to its password only, and keeps nothing past its end", async () => {
  const first = await startPrivateRedis({ dataDir });
  expect(await askRedis(first.port, "wrong", "PING")).toBeUndefined();
  expect(await askRedis(first.port, new URL(first.url).password, "SET errand 1")).toBe("+OK");
  await first.stop();

  await using second = await startPrivateRedis({ dataDir });
  expect(await askRedis(second.port, new URL(second.url).password, "GET errand")).toBe("$-1");
});

test("a missing redis-server is named", async () => {
  const starting = startPrivateRedis({ dataDir, binary: "/nowhere/redis-server" });
  await expect(starting).rejects.toMatchObject({
    code: "program_missing",
    message: expect.stringContaining("/nowhere"),
  });
});

async function clusterOf(folder: string): Promise<string> {
  const home = path.join(folder, "postgres");
  const elsewhere = await readFile(path.join(home, "location"), "utf8").catch(() => home);
  return path.join(elsewhere.trim(), "cluster");
}
