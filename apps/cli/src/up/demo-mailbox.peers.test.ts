import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { makeDataDir, startFleetProcess } from "../testing/fleet-process.ts";

const run = promisify(execFile);

test("the second command of the welcome mails a watched mailbox, and its answer is in the demo inbox", async () => {
  await using data = await makeDataDir();
  await using fleet = await startFleetProcess(data.path);
  const [, second = ""] = fleet.said.match(/^ {2}curl (?:.*\\\n)*.*$/gm) ?? [];
  await run("sh", ["-c", second.replace("curl ", "curl -sS --fail-with-body ")]);
  await expect
    .poll(
      async () => {
        const answer = await fetch(`${fleet.address("Demo inbox")}messages.json`);
        const { items } = (await answer.json()) as { items: { subject: string; text: string }[] };
        return items.find(({ subject }) => subject === "Re: Hello?")?.text;
      },
      { timeout: 20_000 },
    )
    .toMatch(/^Hello Ann,[\s\S]*> Is anybody there\?/);
  expect(await fleet.end("SIGTERM")).toBe(0);
}, 90_000);
