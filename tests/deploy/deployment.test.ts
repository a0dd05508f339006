/** Image, compose file and chart name only what is there. */
import { existsSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { readSources } from "../tidy/sources.ts";

const root = path.resolve(import.meta.dirname, "../..");
const sources = await readSources();
const deployment = sources.filter((file) => file.path.startsWith("deploy/") && !file.path.endsWith(".md"));
const code = sources.filter((file) => /^(apps|packages)\/.*(?<!\.test)\.ts$/.test(file.path)).map((file) => file.text);

test("there are an image, a compose file and a chart to look at", () => {
  const names = deployment.map((file) => file.path);
  expect(names).toEqual(
    expect.arrayContaining(["deploy/Dockerfile", "deploy/compose.yaml", "deploy/helm/mailfleet/values.yaml"]),
  );
});

test("every program that is started exists", () => {
  const started = deployment.flatMap(({ text }) => [...text.matchAll(/apps\/([a-z-]+)\/dist\/main\.js/g)]);
  expect(started.length).toBeGreaterThan(0);
  for (const [, app] of started) {
    expect(existsSync(path.join(root, "apps", app ?? "", "src/main.ts")), `apps/${app}/src/main.ts`).toBe(true);
  }
});

test("every setting that is given is one that some process reads", () => {
  const given = new Set(deployment.flatMap(({ text }) => text.match(/\bMAILFLEET_[A-Z][A-Z_]*[A-Z]\b/g) ?? []));
  expect(given.size).toBeGreaterThan(10);
  for (const name of given) {
    const own = `"${name.replace("MAILFLEET_", "").replace(/_FILE$/, "")}"`;
    expect(
      code.some((text) => text.includes(own)),
      name,
    ).toBe(true);
  }
});

test("every kind of process that runs by itself is in the compose file and in the chart", async () => {
  const textOf = (name: string) => deployment.find((file) => file.path === name)?.text ?? "";
  const processes = sources.flatMap(
    ({ path: file }) => /^apps\/(?!cli\/)([a-z-]+)\/src\/main\.ts$/.exec(file)?.[1] ?? [],
  );
  expect(processes.length).toBeGreaterThan(2);
  for (const app of processes) {
    expect(textOf("deploy/compose.yaml"), app).toContain(`apps/${app}/dist/main.js`);
    expect(textOf(`deploy/helm/mailfleet/templates/${app}.yaml`), app).toContain(`apps/${app}/dist/main.js`);
  }
});
