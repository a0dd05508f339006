import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const script = fileURLToPath(new URL("testing/process.ts", import.meta.url));

/** Runs the test process, sends it these signals when it is ready, and resolves with how it ended. */
async function runProcess(way: string, signals: readonly NodeJS.Signals[] = []) {
  const child = spawn(process.execPath, ["--conditions=mailfleet-source", script, way], { stdio: "pipe" });
  let said = "";
  let complained = "";
  child.stderr.setEncoding("utf8").on("data", (text) => {
    complained += text;
  });
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    said += text;
    if (text.includes("ready")) for (const signal of signals) child.kill(signal);
  });
  const [status, signal] = await once(child, "close");
  return { status, signal, said: said.trim().split("\n"), complained };
}

describe.concurrent("a process", () => {
  test.each(["SIGTERM", "SIGINT"] as const)(
    "drains at %s, closes last opened first, and leaves by itself",
    async (signal) => {
      const { status, said } = await runProcess("drains", [signal]);
      expect(said).toEqual(["ready", "draining, stopping: false", "close second", "close first"]);
      expect(status).toBe(0);
    },
  );

  test("is told to stop when its grace has passed", async () => {
    const { status, said } = await runProcess("drains slowly", ["SIGTERM"]);
    expect(said).toEqual(["ready", "stopping"]);
    expect(status).toBe(0);
  });

  test("that never drains is made to leave", async () => {
    const { status, complained } = await runProcess("never drains", ["SIGTERM"]);
    expect(status).toBe(1);
    expect(complained).toContain("does not leave by itself");
  });

  test("dies at once at a second signal", async () => {
    const { signal } = await runProcess("never drains", ["SIGTERM", "SIGINT"]);
    expect(signal).toMatch(/^SIG(TERM|INT)$/);
  });

  test("closes the rest when one resource is stuck and one breaks, and says which", async () => {
    const { status, said, complained } = await runProcess("closes with trouble");
    expect(said).toEqual(["ready", "close broken", "close stuck", "close first"]);
    expect(complained).toContain("broken has not closed cleanly");
    expect(complained).toContain("stuck has not closed in time");
    expect(status).toBe(1);
  });

  test("whose event loop does not empty is made to leave, and says what is open", async () => {
    const { status, complained } = await runProcess("leaves a timer");
    expect(status).toBe(1);
    expect(complained).toMatch(/still open: .*Timeout/);
  });

  test("that cannot start says why, closes what it had opened, and leaves with status 1", async () => {
    const { status, said, complained } = await runProcess("fails");
    expect(said).toEqual(["close first"]);
    expect(complained).toContain("cannot start");
    expect(status).toBe(1);
  });
});
