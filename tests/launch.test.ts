/** What `npm start` promises of the program it starts: it ends with us, as we end, and hears a signal once. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, expect, test } from "vitest";

const launcher = path.resolve(import.meta.dirname, "../scripts/launch.mjs");
const deadlineMs = 15_000;

let folder: string;
const started: ChildProcess[] = [];

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "mailfleet-launch-"));
});

afterEach(async () => {
  for (const child of started.splice(0)) child.kill("SIGKILL");
  await rm(folder, { recursive: true });
});

/** Launches a program of these words; `line()` resolves with the next line that it prints. */
async function launched(program: string, through: readonly string[] = []) {
  const file = path.join(folder, "program.mjs");
  const outer = path.join(folder, "outer.mjs");
  await writeFile(file, program);
  await writeFile(
    outer,
    `import { launch } from ${JSON.stringify(launcher)};
     launch({ node: process.execPath, env: process.env }, [${JSON.stringify(file)}]);`,
  );
  await writeFile(
    path.join(folder, "package.json"),
    JSON.stringify({ scripts: { start: `"${process.execPath}" outer.mjs` } }),
  );
  const [command = process.execPath, ...args] = [...through, ...(through.length > 0 ? [] : [process.execPath, outer])];
  const child = spawn(command, args, { cwd: folder, stdio: ["ignore", "pipe", "inherit"] });
  started.push(child);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async () => (await lines.next()).value as string | undefined;
  return { child, line, exit: once(child, "exit", { signal: AbortSignal.timeout(deadlineMs) }) };
}

async function gone(pid: number): Promise<void> {
  for (const end = performance.now() + deadlineMs; ; ) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    if (performance.now() > end) throw new Error(`process ${pid} is still there`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test("the exit code of the program is ours", async () => {
  const { exit } = await launched("process.exit(7);");
  expect(await exit).toEqual([7, null]);
});

test("the program dies with a script that is killed", async () => {
  const { child, line } = await launched("console.log(process.pid); setInterval(() => {}, 60_000);");
  const pid = Number(await line());
  child.kill("SIGKILL");
  await gone(pid);
});

test("the program dies with an npm that is killed, whatever shell lies between", async () => {
  const { child, line } = await launched("console.log(process.pid); setInterval(() => {}, 60_000);", [
    "npm",
    "start",
    "--silent",
  ]);
  const pid = Number(await line());
  child.kill("SIGKILL");
  await gone(pid);
});

test("Ctrl-C reaches the program once, even when npm repeats it", async () => {
  const { child, line, exit } = await launched(`
    let heard = 0;
    process.on("SIGINT", () => console.log("heard", ++heard));
    process.on("SIGTERM", () => { console.log("in all", heard); process.exit(0); });
    setInterval(() => {}, 60_000);
    console.log("ready");
  `);
  await line();
  child.kill("SIGINT");
  child.kill("SIGINT");
  expect(await line()).toBe("heard 1");
  // Only now: of several signals that wait, nobody says which is heard first.
  child.kill("SIGTERM");
  expect(await line()).toBe("in all 1");
  await exit;
});
