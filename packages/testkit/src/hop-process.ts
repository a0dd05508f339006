import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { HopFault } from "./hop-faults.ts";
import type { KeptCount } from "./hop-kept.ts";
import type { HopOptions } from "./misbehaving-hop.ts";

/** A misbehaving next hop in a process of its own: it outlives every fleet process that a test kills. */
export interface HopProcess extends AsyncDisposable {
  readonly host: "127.0.0.1";
  readonly port: number;
  /** What it has kept so far: how many deliveries, and each with its number of copies. */
  kept(): Promise<{ readonly deliveries: number; readonly connections: number; readonly counts: KeptCount[] }>;
  /** Only the number: cheap enough to ask often. */
  deliveries(): Promise<number>;
  misbehaves(fault: HopFault): Promise<void>;
  behaves(): Promise<void>;
}

export async function startHopProcess(options: HopOptions = {}): Promise<HopProcess> {
  const main = fileURLToPath(new URL("./hop-process-main.ts", import.meta.url));
  const child = spawn(process.execPath, ["--conditions=mailfleet-source", main, JSON.stringify(options)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const firstLine = once(createInterface(child.stdout), "line");
  const died = once(child, "exit").then(([code]) => {
    throw new Error(`the next hop's process ended with ${code} before it listened`);
  });
  const [line] = await Promise.race([firstLine, died]);
  died.catch(() => {});
  const { port, controlPort }: { port: number; controlPort: number } = JSON.parse(line);
  const ask = async (method: string, path: string, body?: unknown) => {
    const init = body === undefined ? { method } : { method, body: JSON.stringify(body) };
    const response = await fetch(`http://127.0.0.1:${controlPort}${path}`, init);
    if (!response.ok) throw new Error(`the next hop's process answered ${response.status} to ${method} ${path}`);
    return response.json();
  };
  return {
    host: "127.0.0.1",
    port,
    kept: async () => (await ask("GET", "/kept")) as Awaited<ReturnType<HopProcess["kept"]>>,
    deliveries: async () => (await ask("GET", "/deliveries")) as number,
    misbehaves: async (fault) => void (await ask("POST", "/faults", fault)),
    behaves: async () => void (await ask("DELETE", "/faults")),
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGKILL");
      await once(child, "exit");
    },
  };
}
