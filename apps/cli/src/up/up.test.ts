import { execFile } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile, stat } from "node:fs/promises";
import { createServer } from "node:net";
import path from "node:path";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";
import { privateDatabase, privateRedis } from "@mailfleet/testkit";
import { expect, test } from "vitest";
import { type FleetProcess, makeDataDir, spawnFleet, startFleetProcess } from "../testing/fleet-process.ts";
import { runCommand } from "../testing/run-command.ts";

const run = promisify(execFile);

/** The command that the welcome offers, run as it stands. */
async function paste({ said }: FleetProcess): Promise<{ id: string; state: string }> {
  const command = /^ {2}curl (?:.*\\\n)*.*$/m.exec(said)![0];
  const { stdout } = await run("sh", ["-c", command.replace("curl ", "curl -sS ")]);
  return JSON.parse(stdout);
}

async function arrived(fleet: FleetProcess, wanted: (message: { subject: string }) => boolean): Promise<void> {
  await expect
    .poll(
      async () => {
        const answer = await fetch(`${fleet.address("Demo inbox")}messages.json`);
        return ((await answer.json()) as { items: { subject: string }[] }).items.some(wanted);
      },
      { timeout: 15_000 },
    )
    .toBe(true);
}

test("one command runs the fleet, the pasted curl sends a message, and a kill -9 and a new start lose nothing", async () => {
  await using data = await makeDataDir();
  await using first = await startFleetProcess(data.path);
  const message = await paste(first);
  expect(message.state).toBe("pending");
  await arrived(first, ({ subject }) => subject === "Hello from Mailfleet");
  for (const file of ["admin-token", "secret-keys", "demo-key"]) {
    expect((await stat(`${data.path}/${file}`)).mode & 0o777, file).toBe(0o600);
  }
  expect((await fetch(first.address("Bull Board"), { redirect: "manual" })).status).toBe(401);
  expect((await fetch(first.address("Health, metrics").replace(",", ""))).status).toBe(200);
  expect(await first.end("SIGKILL")).toBe("SIGKILL");

  await using second = await startFleetProcess(data.path);
  const env = { MAILFLEET_DATA_DIR: data.path };
  const shown = await runCommand(["messages", "show", message.id, "--tenant", "demo", "--json"], env);
  expect(JSON.parse(shown.stdout)).toMatchObject({ id: message.id, subject: "Hello from Mailfleet" });
  await paste(second);
  await arrived(second, ({ subject }) => subject === "Hello from Mailfleet");
  expect(await second.end("SIGTERM")).toBe(0);
}, 120_000);

test("a PostgreSQL and a Redis that are killed run again in seconds, and the fleet goes on and ends as it should", async () => {
  await using data = await makeDataDir();
  await using fleet = await startFleetProcess(data.path);
  const postmaster = (await readFile(path.join(data.path, "postgres", "cluster", "postmaster.pid"), "utf8")).split(
    "\n",
  )[0];
  const redis = JSON.parse(await readFile(path.join(data.path, "redis", "running.json"), "utf8")) as { pid: number };
  process.kill(Number(postmaster), "SIGKILL");
  process.kill(redis.pid, "SIGKILL");
  await expect.poll(() => paste(fleet).then(({ state }) => state, String), { timeout: 60_000 }).toBe("pending");
  await arrived(fleet, ({ subject }) => subject === "Hello from Mailfleet");
  expect(await fleet.end("SIGTERM")).toBe(0);
}, 120_000);

test("a port that is taken is named with the setting that moves it, and nothing is left running", async () => {
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  const { port } = taken.address() as { port: number };
  await using data = await makeDataDir();
  const child = spawnFleet(data.path, { BOARD_PORT: String(port) });
  const trouble = text(child.stderr!);
  const [code] = await once(child, "exit");
  taken.close();
  expect(code).toBe(1);
  expect(await trouble).toContain(`mailfleet: port ${port} on 127.0.0.1 is taken; MAILFLEET_BOARD_PORT moves it\n`);
  expect(await trouble).not.toMatch(/^ {4}at /m);
}, 60_000);

test("a bad environment is reported whole, before anything starts", async () => {
  await using data = await makeDataDir();
  const settings = {
    API_PORT: "x",
    BOARD_WRITABLE: "perhaps",
    DISPATCH_SLOTS: "0",
    DATABASE_URL: "mysql://a",
    DEMO_PORT: "-1",
  };
  const child = spawnFleet(data.path, settings);
  const trouble = text(child.stderr!);
  const [code] = await once(child, "exit");
  expect(code).toBe(2);
  for (const name of Object.keys(settings)) expect(await trouble).toContain(`MAILFLEET_${name} `);
  expect(await trouble).not.toContain("PostgreSQL:");
});

test("with a database of one's own, the keys must be told and no demo is made", async () => {
  await using data = await makeDataDir();
  const child = spawnFleet(data.path, { DATABASE_URL: "postgresql://somebody@127.0.0.1:1/x" });
  const trouble = text(child.stderr!);
  const [code] = await once(child, "exit");
  expect(code).toBe(2);
  expect(await trouble).toMatch(/MAILFLEET_ADMIN_TOKEN is required.*\n.*MAILFLEET_SECRET_KEYS is required/);
});

test("a fleet on a database of one's own brings its schema up to date, and makes no demo and keeps no key", async () => {
  await using data = await makeDataDir();
  await using database = await privateDatabase({ empty: true });
  await using redis = await privateRedis();
  await using fleet = await startFleetProcess(data.path, {
    DATABASE_URL: database.url,
    REDIS_URL: redis.url,
    ADMIN_TOKEN: "a-token-for-this-test-only",
    SECRET_KEYS: Buffer.alloc(32, 7).toString("base64"),
  });
  expect(fleet.said).not.toMatch(/demo|curl/i);
  const env = { MAILFLEET_ADMIN_TOKEN: "a-token-for-this-test-only", MAILFLEET_PUBLIC_URL: fleet.address("API") };
  expect(JSON.parse((await runCommand(["tenants", "list", "--json"], env)).stdout).items).toEqual([]);
  expect(await readdir(data.path)).toEqual([]);

  const migrated = await runCommand(["migrate"], { MAILFLEET_DATABASE_URL: database.url });
  expect([migrated.exitCode, migrated.stdout]).toEqual([0, "The schema was up to date.\n"]);
}, 60_000);
