import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { openQueues } from "./index.ts";
import { freePort, redisProcess } from "./testing/redis-process.ts";

const events = {
  log: { info() {}, warn() {}, error() {} },
  wakesDropped() {},
  jobQuarantined() {},
};

/** A turn goes through the Redis behind `url`, and its worker drains. */
async function carriesTurns(url: string): Promise<void> {
  await using queues = await openQueues(url, events);
  const draining = new AbortController();
  const done = Promise.withResolvers<string>();
  const working = queues.work("mailfleet-turns", {
    slots: 2,
    draining: draining.signal,
    handle: async ({ accountUid }) => done.resolve(accountUid),
  });
  queues.wake("7");
  const late = setTimeout(() => done.reject(new Error("the turn never came")), 10_000);
  expect(await done.promise).toBe("7");
  clearTimeout(late);
  expect(await queues.counts()).toHaveProperty("mailfleet-turns");
  draining.abort();
  await working;
}

async function folder() {
  const name = await mkdtemp(path.join(tmpdir(), "mailfleet-redis-"));
  return { name, [Symbol.asyncDispose]: () => rm(name, { recursive: true, force: true }) };
}

test("an ACL user that may touch the fleet's keys only carries turns", async () => {
  await using redis = await redisProcess();
  const rights = ["~{mailfleet}:*", "+@all", "-@admin", "-@dangerous", "+info"];
  await redis.command("ACL", "SETUSER", "fleet", "on", ">p@ss", ...rights);
  await redis.command("ACL", "SETUSER", "default", "-@all");
  await carriesTurns(redis.url.replace("redis://", "redis://fleet:p%40ss@"));
});

test("a cluster carries turns", async () => {
  await using data = await folder();
  await using redis = await redisProcess({
    args: [
      ...["--dir", data.name, "--cluster-enabled", "yes", "--cluster-announce-ip", "127.0.0.1"],
      ...["--cluster-port", String(await freePort())],
    ],
  });
  await redis.command("CLUSTER", "ADDSLOTSRANGE", "0", "16383");
  await expect.poll(() => redis.command("CLUSTER", "INFO"), { timeout: 10_000 }).toContain("cluster_state:ok");
  await carriesTurns(redis.url.replace("redis://", "redis+cluster://"));
});

test("the master that sentinels name carries turns", async () => {
  await using data = await folder();
  await using master = await redisProcess();
  const file = path.join(data.name, "sentinel.conf");
  await writeFile(file, `sentinel monitor mail 127.0.0.1 ${new URL(master.url).port} 1\n`);
  await using sentinel = await redisProcess({ args: [file, "--sentinel"] });
  await carriesTurns(`redis+sentinel://127.0.0.1:${new URL(sentinel.url).port}/mail`);
});
