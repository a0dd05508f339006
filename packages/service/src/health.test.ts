import { createServer } from "node:http";
import { expect, test } from "vitest";
import { createHealth, createWatchdog, listen, PortTakenError, serveHealth } from "./index.ts";
import { manualClock } from "./testing/manual-clock.ts";

const telemetry = { metricsContentType: "text/plain; version=0.0.4", metrics: async () => "up 1\n" };
const at = { host: "127.0.0.1", port: 0, telemetry };
const never = new AbortController().signal;

const get = async (url: string) => {
  const response = await fetch(url);
  return { status: response.status, body: await response.text() };
};

test("a healthy process is live and ready, and shows its metrics", async () => {
  await using listener = await serveHealth({
    ...at,
    health: createHealth({ draining: never, checks: { database: async () => {} } }),
  });
  expect((await get(`${listener.url}/health/live`)).status).toBe(200);
  expect(await get(`${listener.url}/health/ready`)).toEqual({
    status: 200,
    body: '{"status":"ok","checks":{"database":"ok"}}\n',
  });
  expect(await get(`${listener.url}/metrics`)).toEqual({ status: 200, body: "up 1\n" });
  expect((await get(`${listener.url}/elsewhere`)).status).toBe(404);
  expect((await fetch(`${listener.url}/metrics`, { method: "POST" })).status).toBe(405);
});

test("a failing check makes a process not ready; the probe names the check and never the reason", async () => {
  const failures: unknown[] = [];
  const health = createHealth({
    draining: never,
    checks: {
      database: async () => {
        throw new Error("password refused for mailfleet");
      },
      redis: async () => {},
    },
    onFailure: (name, error) => failures.push([name, (error as Error).message]),
  });
  await using listener = await serveHealth({ ...at, health });
  const { status, body } = await get(`${listener.url}/health/ready`);
  expect(status).toBe(503);
  expect(JSON.parse(body)).toEqual({ status: "failing", checks: { database: "failing", redis: "ok" } });
  expect(failures).toEqual([["database", "password refused for mailfleet"]]);
  expect((await get(`${listener.url}/health/live`)).status).toBe(200);
});

test("a check that hangs fails within its limit", async () => {
  const health = createHealth({
    draining: never,
    checks: { database: () => new Promise(() => {}) },
    checkTimeoutMs: 20,
  });
  expect(await health.ready()).toEqual({ status: "failing", checks: { database: "failing" } });
});

test("probes that come together share one round of checks", async () => {
  let rounds = 0;
  const health = createHealth({ draining: never, checks: { database: async () => void rounds++ } });
  await Promise.all([health.ready(), health.ready(), health.ready()]);
  expect(rounds).toBe(1);
  await health.ready();
  expect(rounds).toBe(2);
});

test("a draining process is live and not ready", async () => {
  const health = createHealth({ draining: AbortSignal.abort(), checks: {} });
  expect((await health.ready()).status).toBe("draining");
  expect(health.live().status).toBe("ok");
});

test("a loop that no longer beats makes a process not live, until it beats again or has ended", async () => {
  const clock = manualClock();
  const watchdog = createWatchdog(clock);
  const health = createHealth({ draining: never, checks: {}, watchdog });
  const sweep = watchdog.watch("sweep", 1_000);
  await clock.advance(1_000);
  expect(health.live().status).toBe("ok");
  await clock.advance(1);
  expect(health.live()).toEqual({ status: "failing", checks: { sweep: "stuck" } });
  sweep.beat();
  expect(health.live().status).toBe("ok");
  await clock.advance(5_000);
  sweep[Symbol.dispose]();
  expect(health.live().status).toBe("ok");
});

test("a port that is taken is reported with the setting that moves it", async () => {
  const health = createHealth({ draining: never, checks: {} });
  await using first = await serveHealth({ ...at, health });
  const second = serveHealth({ ...at, port: first.port, health });
  await expect(second).rejects.toThrow(PortTakenError);
  await expect(second).rejects.toThrow(`port ${first.port} on 127.0.0.1 is taken; MAILFLEET_METRICS_PORT moves it`);
});

test("an address of another host is reported with the setting too", async () => {
  const server = createServer();
  await expect(listen(server, "192.0.2.1", 0, "MAILFLEET_API_PORT")).rejects.toThrow("MAILFLEET_API_PORT moves it");
});
