/** Documents lead to files that are there: newcomers begin with these. */
import { existsSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { readSources } from "../tidy/sources.ts";
import { root } from "./pages.ts";

const documents = (await readSources()).filter(({ path: file }) => file.endsWith(".md"));
/** Of what comes with other work, and is named as such. */
const notBuilt = ["apps/report-push"];

test("every file and folder that a document names is there", () => {
  const named = documents.flatMap(({ path: file, text }) =>
    [...text.matchAll(/`((?:apps|packages|deploy|scripts|tests|bin|docs)\/[a-z0-9./_-]*)`/g)].map(([, name]) => ({
      file,
      name: name ?? "",
    })),
  );
  expect(named.length).toBeGreaterThan(40);
  for (const { file, name } of named) {
    const isThere = existsSync(path.join(root, name)) || notBuilt.includes(name);
    expect(isThere, `${name} in ${file}`).toBe(true);
  }
});
