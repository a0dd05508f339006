import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { request } from "node:http";
import path from "node:path";
import { createInterface } from "node:readline";
import { openQueues } from "@mailfleet/queue";
import { openStore } from "@mailfleet/store";
import { openTelemetry } from "@mailfleet/telemetry";
import { privateDatabase } from "@mailfleet/testkit";
import { expect, onTestFinished, test } from "vitest";
import { readConfig } from "./config.ts";
import { runIntake } from "./http/testing/running-intake.ts";

const hello = { from: "ann@acme.test", to: "bob@peer.test", text: "Hi" };

interface Started {
  readonly child: ChildProcess;
  /** The first line of the log whose message is this. */
  line(message: string): Promise<Record<string, unknown>>;
  readonly exited: Promise<number | null>;
}

function start(env: Record<string, string>): Started {
  const child = spawn(process.execPath, ["--conditions=mailfleet-source", path.join(import.meta.dirname, "main.ts")], {
    env: { PATH: process.env.PATH, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const waiting = new Map<string, (line: Record<string, unknown>) => void>();
  const heard = new Map<string, Record<string, unknown>>();
  createInterface({ input: child.stdout as NodeJS.ReadableStream }).on("line", (text) => {
    const line = JSON.parse(text) as Record<string, unknown>;
    heard.set(line.msg as string, line);
    waiting.get(line.msg as string)?.(line);
  });
  return {
    child,
    exited: once(child, "exit").then(([code]) => code as number | null),
    line: (message) =>
      new Promise((resolve, reject) => {
        const known = heard.get(message);
        if (known) return resolve(known);
        waiting.set(message, resolve);
        child.once("exit", (code) => reject(new Error(`the process has ended with ${code}`)));
      }),
  };
}

test("SIGTERM lets a request in hand end well, and ends the process", async () => {
  await using database = await privateDatabase();
  const secretKey = randomBytes(32).toString("base64");
  await using store = openStore({ databaseUrl: database.url, poolSize: 2, secretKeys: [secretKey] });
  await store.tenants.put("acme", {});
  await store.accounts.put("acme", "main", { host: "127.0.0.1", port: 25, security: "none" });

  const { child, line, exited } = start({
    MAILFLEET_DATABASE_URL: database.url,
    MAILFLEET_SECRET_KEYS: secretKey,
    MAILFLEET_ADMIN_TOKEN: "an-admin-token-for-tests",
    MAILFLEET_API_PORT: "0",
    MAILFLEET_SMTP_PORT: "0",
    MAILFLEET_METRICS_PORT: "0",
  });
  const { port } = await line("HTTP API is listening");
  const headers = {
    authorization: "Bearer an-admin-token-for-tests",
    "mailfleet-tenant": "acme",
    "content-type": "application/json",
  };
  const submit = () =>
    fetch(`http://127.0.0.1:${port}/v1/messages`, { method: "POST", headers, body: JSON.stringify(hello) });
  expect((await submit()).status).toBe(202);
  expect((await fetch(`http://127.0.0.1:${port}/health/ready`)).status).toBe(200);

  const body = JSON.stringify({ ...hello, id: "in-hand" });
  const inHand = request({
    port: Number(port),
    method: "POST",
    path: "/v1/messages",
    headers: { ...headers, "content-length": Buffer.byteLength(body), expect: "100-continue" },
  });
  inHand.flushHeaders();
  await once(inHand, "continue");
  inHand.write(body.slice(0, 10));
  child.kill("SIGTERM");
  await expect
    .poll(
      () =>
        submit().then(
          () => "open",
          () => "closed",
        ),
      { timeout: 5_000 },
    )
    .toBe("closed");
  const answered = once(inHand, "response");
  inHand.end(body.slice(10));
  const [response] = await answered;
  expect(response.statusCode).toBe(202);
  response.resume();
  expect(await exited).toBe(0);
  expect((await store.messages.get("acme", "in-hand"))?.state).toBe("pending");
});

test("with Redis away mail is accepted all the same, and no slower", async () => {
  const telemetry = openTelemetry("intake", { logLevel: "silent", processMetrics: false });
  await using queues = await openQueues("redis://127.0.0.1:1", telemetry);
  await using running = await runIntake({}, undefined, queues);
  const { key } = await running.makeTenant("acme");
  const submit = () => running.ask("POST", "/v1/messages", { key, body: hello });
  await submit(); // What is slow only once.
  const answer = await submit();
  expect(answer.status).toBe(202);
  expect(answer.durationMs).toBeLessThan(500);
});

test("a bad environment is reported whole, with the name of each setting", () => {
  const read = () =>
    readConfig({ MAILFLEET_API_PORT: "http", MAILFLEET_SMTP_PORT: "70000", MAILFLEET_API_MAX_BODY_BYTES: "1" });
  expect(read).toThrow(/MAILFLEET_DATABASE_URL is required/);
  for (const name of ["API_PORT", "SMTP_PORT", "API_MAX_BODY_BYTES"])
    expect(read).toThrow(new RegExp(`MAILFLEET_${name} `));
});
