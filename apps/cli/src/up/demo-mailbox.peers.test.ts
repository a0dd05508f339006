import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { type FleetProcess, makeDataDir, startFleetProcess } from "../testing/fleet-process.ts";

const run = promisify(execFile);

/** Runs the second command that the welcome offers. */
async function mailSupport({ said }: FleetProcess): Promise<void> {
  const [, second = ""] = said.match(/^ {2}curl (?:.*\\\n)*.*$/gm) ?? [];
  await run("sh", ["-c", second.replace("curl ", "curl -sS --fail-with-body ")]);
}

/** Waits until so many answers are in the demo inbox; the newest of them. */
async function answers(fleet: FleetProcess, count: number): Promise<string | undefined> {
  let found: readonly { readonly subject: string; readonly text: string }[] = [];
  await expect
    .poll(
      async () => {
        const answer = await fetch(`${fleet.address("Demo inbox")}messages.json`);
        found = ((await answer.json()) as { items: typeof found }).items.filter(
          ({ subject }) => subject === "Re: Hello?",
        );
        return found.length;
      },
      { timeout: 30_000 },
    )
    .toBe(count);
  return found[0]?.text;
}

test("the second command of the welcome mails a watched mailbox, whose answer comes even after its server was killed", async () => {
  await using data = await makeDataDir();
  await using fleet = await startFleetProcess(data.path);
  await mailSupport(fleet);
  expect(await answers(fleet, 1)).toMatch(/^Hello Ann,[\s\S]*> Is anybody there\?/);

  const record = await readFile(path.join(data.path, "dovecot", "running.json"), "utf8");
  process.kill((JSON.parse(record) as { pid: number }).pid, "SIGKILL");
  await mailSupport(fleet);
  await answers(fleet, 2);
  expect(await fleet.end("SIGTERM")).toBe(0);
}, 90_000);
