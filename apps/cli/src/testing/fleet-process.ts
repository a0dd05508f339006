import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { startEmbeddedPostgres, startPrivateRedis } from "@mailfleet/embedded";

const main = path.join(import.meta.dirname, "..", "main.ts");
const startLimitMs = 60_000;
const ports = ["API", "SMTP", "BOARD", "METRICS", "DEMO"];

/** `mailfleet up`, as a person would run it: in a process of its own, on free ports. */
export interface FleetProcess extends AsyncDisposable {
  readonly child: ChildProcess;
  /** All it has said on stdout. */
  readonly said: string;
  /** The first word after a label of its welcome, such as "API". */
  address(label: string): string;
  /** Resolves with its exit status, or the signal that ended it. */
  end(signal: NodeJS.Signals): Promise<number | string | null>;
  /** Ends it where it still runs. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** A data folder of a test's own. Servers in it that outlived a killed fleet are stopped at the end. */
export async function makeDataDir(): Promise<{ readonly path: string } & AsyncDisposable> {
  const folder = await mkdtemp(path.join(tmpdir(), "mailfleet-test-up-"));
  await chmod(folder, 0o711); // As root, PostgreSQL runs as another user, who must get in.
  return {
    path: folder,
    async [Symbol.asyncDispose]() {
      if (existsSync(path.join(folder, "redis", "running.json"))) {
        await (await startPrivateRedis({ dataDir: folder })).stop();
        await (await startEmbeddedPostgres({ dataDir: folder })).stop();
      }
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Starts it without waiting for anything. `settings` are by their names without "MAILFLEET_". */
export function spawnFleet(dataDir: string, settings: Readonly<Record<string, string>> = {}): ChildProcess {
  const freePorts = Object.fromEntries(ports.map((name) => [`${name}_PORT`, "0"]));
  const all = Object.entries({ DATA_DIR: dataDir, ...freePorts, ...settings });
  const variables = all.map(([name, value]) => `MAILFLEET_${name}=${value}`);
  const command = [...variables, process.execPath, "--conditions=mailfleet-source", main, "up"];
  return spawn("env", command, { stdio: ["ignore", "pipe", "pipe"] });
}

/** Resolves once it says that it is up. */
export async function startFleetProcess(
  dataDir: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<FleetProcess> {
  const child = spawnFleet(dataDir, settings);
  const exited = once(child, "exit") as Promise<[number | null, NodeJS.Signals | null]>;
  const troubles: string[] = [];
  child.stderr!.on("data", (chunk: Buffer) => void troubles.push(chunk.toString()));

  let said = "";
  const isUp = (async () => {
    for await (const line of createInterface({ input: child.stdout! })) {
      said += `${line}\n`;
      if (line.startsWith("Ctrl-C")) return true;
    }
    return false;
  })();
  const late = AbortSignal.timeout(startLimitMs);
  const up = await Promise.race([isUp, once(late, "abort").then(() => false)]);
  if (!up) {
    child.kill("SIGKILL");
    throw new Error(`mailfleet up did not come up:\n${troubles.join("")}`);
  }
  const end = async (signal: NodeJS.Signals) => {
    child.kill(signal);
    const [code, by] = await exited;
    return code ?? by;
  };
  return {
    child,
    said,
    address: (label) => new RegExp(`^ {2}${label} +(\\S+)`, "m").exec(said)![1]!,
    end,
    [Symbol.asyncDispose]: async () => void (await end("SIGTERM")),
  };
}
