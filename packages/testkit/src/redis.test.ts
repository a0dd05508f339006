import { expect, test } from "vitest";
import { privateRedis } from "./redis.ts";

test("a private Redis forgets by flush and by restart, and keeps its address", async () => {
  await using redis = await privateRedis();
  await redis.ask("SET errand 1");
  await redis.flush();
  expect(await redis.ask("DBSIZE")).toBe(":0");

  await redis.ask("SET errand 1");
  await redis.restart();
  expect(await redis.ask("DBSIZE")).toBe(":0");
});

test("a stopped private Redis answers nobody until it is started", async () => {
  await using redis = await privateRedis();
  await redis.stop();
  await expect(redis.ask("PING")).rejects.toThrow();
  await redis.start();
  expect(await redis.ask("PING")).toBe("+PONG");
});
