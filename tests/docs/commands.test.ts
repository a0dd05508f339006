/** What the documents tell people to type works as it stands: every `sh` block is run against a fleet of its own. */
import { execFile } from "node:child_process";
import { readdir } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type FleetProcess, makeDataDir, startFleetProcess } from "../../apps/cli/src/testing/fleet-process.ts";
import { readPage, root } from "./pages.ts";

const run = promisify(execFile);

/** These are the fleet that the test has started, and this test run. */
const runAnyway = ["npm start", "npm test"];

const pages = await Promise.all(
  [
    "README.md",
    "docs/api.md",
    "docs/inbound.md",
    "docs/answering.md",
    "docs/bounces.md",
    "docs/smtp-submission.md",
    ...(await readdir(path.join(root, "docs/operations"))).map((name) => `docs/operations/${name}`),
  ].map(async (name) => ({ name, text: await readPage(name) })),
);

const blocksOf = (text: string): readonly string[] =>
  [...text.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block]) => block ?? "");

let data: Awaited<ReturnType<typeof makeDataDir>>;
let fleet: FleetProcess;

beforeAll(async () => {
  data = await makeDataDir();
  fleet = await startFleetProcess(data.path);
}, 90_000);

afterAll(async () => {
  await fleet?.[Symbol.asyncDispose]();
  await data?.[Symbol.asyncDispose]();
});

/** The block, for a fleet on other ports, with another data folder, and without an installed `mailfleet`. */
function here(block: string): string {
  const replaced = [
    ["http://127.0.0.1:8625", fleet.address("API")],
    ["http://127.0.0.1:8627", new URL(fleet.address("Health, metrics").replace(",", "")).origin],
    ["http://127.0.0.1:8628/", fleet.address("Demo inbox")],
    ["127.0.0.1:2587", fleet.address("SMTP submission")],
    ["var/", `${data.path}/`],
    ["npx mailfleet ", `"${process.execPath}" --conditions=mailfleet-source apps/cli/src/main.ts `],
  ] as const;
  return replaced.reduce((text, [from, to]) => text.replaceAll(from, to), block);
}

const runHere = (block: string) =>
  run("bash", ["-euo", "pipefail", "-c", here(block)], {
    cwd: root,
    env: { ...process.env, MAILFLEET_DATA_DIR: data.path },
    timeout: 60_000,
  });

describe.for(pages.filter(({ text }) => blocksOf(text).length > 0))("$name", ({ text }) => {
  const blocks = blocksOf(text).filter((block) => !runAnyway.includes(block.trim()));

  test.for(blocks.map((block) => [block.trim().split("\n")[0] ?? "", block] as const))("%s", async ([, block]) => {
    const { stdout } = await runHere(block);
    // curl ends well whatever it is answered.
    expect(stdout).not.toContain("urn:mailfleet:problem:");
  });
});

test("the two commands that are run otherwise are scripts of the house", async () => {
  const { scripts } = JSON.parse(await readPage("package.json")) as { scripts: Record<string, string> };
  for (const command of runAnyway) expect(scripts[command.replace("npm ", "")]).toBeTypeOf("string");
});

test("what the README sends arrives, is answered, comes later, or becomes a dead letter, as it says", async () => {
  const inbox = async () => {
    const answer = await fetch(`${fleet.address("Demo inbox")}messages.json`);
    return ((await answer.json()) as { items: { subject: string; to: string }[] }).items;
  };
  // The mailbox that answers is there where Dovecot is.
  const mailboxes = JSON.parse((await runHere("npx mailfleet --tenant demo --json mailboxes list")).stdout);
  const answers = mailboxes.items.some(({ id }: { id: string }) => id === "demo") ? ["Re: Hello?"] : [];
  for (const subject of [
    ...["Hello from Mailfleet", "Hello by SMTP", "Hello from a file", "Hello, later"],
    ...answers,
  ]) {
    await expect.poll(async () => (await inbox()).map((one) => one.subject), { timeout: 20_000 }).toContain(subject);
  }
  const { stdout } = await runHere("npx mailfleet --tenant demo --json dead-letters list --recipient fail@example.com");
  expect((JSON.parse(stdout) as { items: unknown[] }).items.length).toBeGreaterThan(0);
  expect((await inbox()).filter(({ to }) => to.includes("fail@example.com"))).toEqual([]);
});

test("every route of the API stands on its page, and no other", async () => {
  const answer = await fetch(`${fleet.address("API")}/openapi.json`);
  const routes = Object.keys(((await answer.json()) as { paths: object }).paths).filter((one) =>
    one.startsWith("/v1/"),
  );
  const page = await readPage("docs/api.md");
  const tables = page.split("\n").filter((line) => line.startsWith("| `"));
  const named = tables.join("\n").match(/\/v1\/[A-Za-z0-9/{}-]+/g) ?? [];
  const prose = ["/v1/messages", "/v1/messages/batch"];
  expect(prose.every((route) => page.includes(`POST ${route}\``) || page.includes(`8625${route} `))).toBe(true);
  expect(new Set([...named, ...prose].map(unnamed))).toEqual(new Set(routes.map(unnamed)));
});

/** Parameters have no names here. */
const unnamed = (route: string): string => route.replaceAll(/\{[^}]*\}/g, "{}");
