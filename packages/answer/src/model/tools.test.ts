import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startService } from "../testing/service.ts";
import { runCommand } from "./command-tool.ts";
import { callHttpTool } from "./http-tool.ts";
import { type CommandTool, noOperatorConfig } from "./operator-config.ts";
import { toolOutputLength } from "./tool-result.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "mailfleet-tools-"));
});
afterAll(() => rm(folder, { recursive: true }));

const trusted = {
  correspondent: "jürgen%@bücher.example",
  tenant: "acme",
  mailbox: "help",
  inbound: "1",
  authenticated: false,
  idempotencyKey: "k1",
};
const never = new AbortController().signal;
const script = (code: string, changes: Partial<CommandTool> = {}): CommandTool => ({
  name: "t",
  description: "t",
  parameters: { type: "object" },
  program: process.execPath,
  arguments: ["-e", code],
  env: {},
  cwd: folder,
  timeoutMs: 10_000,
  maxOutputBytes: 1_000,
  ...changes,
});
const run = (code: string, changes: Partial<CommandTool> = {}, signal = never) =>
  runCommand(script(code, changes), {}, trusted, signal);

describe("a command tool", () => {
  test("says what it writes, with what nobody sees taken out", async () => {
    expect(await run('process.stdout.write("4\\u200b2\\r\\n")')).toMatchObject({ outcome: "ok", output: "42\n" });
  });

  test("that fails says nothing of its own", async () => {
    const result = await run('console.log("secret"); console.error("secret"); process.exit(3)');
    expect(result).toMatchObject({ outcome: "tool_exit_3", output: "The tool failed." });
  });

  test("that is not there is unavailable", async () => {
    expect(await run("", { program: path.join(folder, "nothing") })).toMatchObject({ outcome: "tool_unavailable" });
    expect(await run("", { cwd: path.join(folder, "nowhere") })).toMatchObject({ outcome: "tool_unavailable" });
    expect(await run("", { env: { A: "\0" } })).toMatchObject({ outcome: "tool_unavailable" });
  });

  test("that writes too much is cut, and still ends by itself", async () => {
    const done = path.join(folder, "done");
    const code = `process.stdout.write("x".repeat(1e6), () => require("fs").writeFileSync(${JSON.stringify(done)}, "yes"))`;
    const result = await run(code);
    expect(result).toMatchObject({ outcome: "ok", output: "x".repeat(1_000) });
    expect(await readFile(done, "utf8")).toBe("yes");
    const long = await run('process.stdout.write("x".repeat(1e6))', { maxOutputBytes: 1e6 });
    expect(long.output).toHaveLength(toolOutputLength);
  });

  test("that hangs is killed in time, with what it started", async () => {
    const pid = path.join(folder, "pid");
    const child = 'setInterval(() => {}, 1e6); require("fs").writeFileSync(process.argv[1], String(process.pid))';
    const code = `require("child_process").spawn(process.execPath, ["-e", ${JSON.stringify(child)}, ${JSON.stringify(pid)}], { stdio: "inherit" }); setInterval(() => {}, 1e6)`;
    const off = new AbortController();
    const running = run(code, {}, off.signal);
    await expect.poll(() => existsSync(pid) && readFile(pid, "utf8"), { timeout: 10_000 }).toMatch(/\d/);
    off.abort(new Error("called off"));
    await expect(running).rejects.toThrow("called off");
    const started = Number(await readFile(pid, "utf8"));
    await expect.poll(() => isRunning(started), { timeout: 10_000 }).toBe(false);
    expect(await run("setInterval(() => {}, 1e6)", { timeoutMs: 50 })).toMatchObject({ outcome: "tool_timeout" });
  });

  test("does not run once it was called off", async () => {
    await expect(run("", {}, AbortSignal.abort(new Error("called off")))).rejects.toThrow("called off");
  });
});

/** A killed process that nobody has waited for yet runs no more. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  const stat = `/proc/${pid}/stat`;
  return !(existsSync(stat) && /\) Z /.test(readFileSync(stat, "utf8")));
}

describe("an HTTP tool", () => {
  const tool = (url: string) => ({
    name: "t",
    description: "t",
    url,
    method: "GET" as const,
    parameters: {},
    timeoutMs: 2_000,
  });
  const call = async (reply: Parameters<typeof startService>[0], changes: object = {}) => {
    const service = await startService(reply);
    const operator = { ...noOperatorConfig, toolHosts: [new URL(service.url).host] };
    const result = await callHttpTool(
      { ...tool(service.url), ...changes },
      { operator, toolToken: "tenants-own" },
      { a: "b c" },
      trusted,
      never,
    );
    return { result, requests: service.requests };
  };

  test("says what it answers, and is told in ASCII for whom, and by the tenant's token who asks", async () => {
    const { result, requests } = await call(() => ({ body: { stock: 4 } }));
    expect(result).toMatchObject({ outcome: "ok", output: '{"stock":4}' });
    expect(requests[0]?.path).toBe("/hook?a=b+c");
    expect(requests[0]?.headers).toMatchObject({
      "mailfleet-correspondent": "j%C3%BCrgen%25@b%C3%BCcher.example",
      "mailfleet-authenticated": "no",
      "idempotency-key": "k1",
      authorization: "Bearer tenants-own",
    });
  });

  const outcomes = [
    [{ status: 404, body: "secret" }, "tool_status_404"],
    [{ status: 302, headers: { location: "http://127.0.0.1:1/" } }, "tool_status_302"],
    [{ status: 500 }, "tool_status_500"],
    [{ headers: { "content-type": "image/png" }, body: "x" }, "tool_content_type"],
    [{ body: "x".repeat(300_000) }, "tool_response_too_large"],
  ] as const;
  for (const [reply, outcome] of outcomes) {
    test(`has no result by ${outcome}`, async () => {
      const { result } = await call(() => reply);
      expect(result.outcome).toBe(outcome);
      expect(result.output).not.toContain("secret");
    });
  }

  test("has no result in time", async () => {
    const { result } = await call(() => "silence", { timeoutMs: 50 });
    expect(result.outcome).toBe("tool_timeout");
  });

  test("is not called on a host that the operator no longer allows", async () => {
    const service = await startService(() => ({}));
    const result = await callHttpTool(
      tool(service.url),
      { operator: { ...noOperatorConfig, allowPrivateNetworks: true } },
      {},
      trusted,
      never,
    );
    expect(result.outcome).toBe("tool_host_refused");
    expect(service.requests).toHaveLength(0);
  });
});
