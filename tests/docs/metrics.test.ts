/** Alerts, the dashboard and the pages name only metrics and labels that the fleet has, and every alert has its page. */
import { readdir } from "node:fs/promises";
import path from "node:path";
import { expect, test } from "vitest";
import { readSources } from "../tidy/sources.ts";
import { nameOf, readMetrics } from "./metrics.ts";
import { readPage, root, section, table } from "./pages.ts";

const metrics = await readMetrics();
const alerts = await readPage("deploy/alerts.yaml");
const dashboard = JSON.parse(await readPage("deploy/dashboards/mailfleet.json")) as { panels: Panel[] };

interface Panel {
  readonly title: string;
  readonly targets?: readonly { readonly expr: string }[];
  readonly panels?: readonly Panel[];
}

const panelsOf = (panels: readonly Panel[]): readonly Panel[] =>
  panels.flatMap((panel) => [panel, ...panelsOf(panel.panels ?? [])]);
const queries = panelsOf(dashboard.panels).flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));

const series = /\bmailfleet_[a-z_]+_(?:total|up|seconds|bytes|depth|info|jobs|bucket|sum|count)\b/g;
const runbooks = [...alerts.matchAll(/^ *runbook: (\S+)$/gm)].map(([, page]) => page ?? "");

test("every metric that is named in alerts, dashboard and documents is one that the fleet has", async () => {
  const sources = await readSources();
  const documents = sources.filter(({ path: file }) =>
    /^(docs\/.*|deploy\/.*|README|ARCHITECTURE)\.(md|ya?ml|json)$/.test(file),
  );
  const named = documents.flatMap(({ path: file, text }) => (text.match(series) ?? []).map((name) => ({ file, name })));
  expect(named.length).toBeGreaterThan(40);
  for (const { file, name } of named)
    expect(metrics.has(name) || metrics.has(nameOf(name)), `${name} in ${file}`).toBe(true);
});

test("every label that alerts and dashboard choose or group by is one of its metric's", () => {
  const chosen = [alerts, ...queries].flatMap((text) => [...text.matchAll(/(mailfleet_[a-z_]+)\{([^}]*)\}/g)]);
  expect(chosen.length).toBeGreaterThan(3);
  for (const [, name = "", labels = ""] of chosen) {
    for (const [, label = ""] of labels.matchAll(/([a-z_]+)=/g)) {
      expect(metrics.get(nameOf(name))?.labels.has(label), `${label} of ${name}`).toBe(true);
    }
  }
  const grouped = [alerts, ...queries].flatMap((text) => [
    ...text.matchAll(/by \(([a-z, ]+)\) \([^()]*?(?:\w+\()?(mailfleet_[a-z_]+)/g),
  ]);
  expect(grouped.length).toBeGreaterThan(3);
  for (const [, labels = "", name = ""] of grouped) {
    for (const label of labels.split(", ").filter((one) => one !== "le")) {
      expect(metrics.get(nameOf(name))?.labels.has(label), `${label} of ${name}`).toBe(true);
    }
  }
});

test("the page of metrics lists every metric with its labels, and no other", async () => {
  const rows = [...metrics].map(([name, { type, labels, help }]) => [
    `\`${name}\``,
    type,
    [...labels].filter((one) => one !== "le").join(", "),
    help,
  ]);
  expect(section(await readPage("docs/operations/metrics.md"), "metrics")).toBe(
    table(["metric", "type", "labels", "meaning"], rows),
  );
});

test("every alert has a page, and every page its alert", async () => {
  const names = [...alerts.matchAll(/^ *- alert: (\w+)$/gm)].map(([, name]) => name ?? "");
  expect(names.length).toBeGreaterThan(5);
  expect(runbooks).toHaveLength(names.length);
  for (const [at, page] of runbooks.entries()) expect(await readPage(page), page).toContain(`\`${names[at]}\``);

  const pages = await readdir(path.join(root, "docs/operations"));
  const ofAlerts = pages.filter((name) => !["README.md", "metrics.md"].includes(name));
  expect(new Set(ofAlerts.map((name) => `docs/operations/${name}`))).toEqual(new Set(runbooks));
});

test("brackets and braces of every query are closed", () => {
  const exprs = [...alerts.matchAll(/expr: (?:>-\n)?([\s\S]*?)(?=\n {8}\w)/g)].map(([, expr]) => expr ?? "");
  expect(exprs).toHaveLength(runbooks.length);
  for (const expr of [...exprs, ...queries]) {
    for (const [open, close] of ["()", "{}", "[]"]) {
      expect(expr.split(open!).length, expr).toBe(expr.split(close!).length);
    }
  }
});
