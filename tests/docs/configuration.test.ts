/** The configuration page says what the code reads, and nothing that it does not. */
import { describe, expect, test } from "vitest";
import { readPage, section } from "./pages.ts";
import { settingNames, settingsTables } from "./settings-tables.ts";

const page = await readPage("docs/configuration.md");

describe("every setting stands on the configuration page, with its meaning, its limits and its default", () => {
  test.for([...settingsTables])("%s", ([name, table]) => {
    expect(section(page, name)).toBe(table);
  });
});

test("the page names no setting that nobody reads", () => {
  const named = page.match(/\bMAILFLEET_[A-Z][A-Z_]*[A-Z]\b/g) ?? [];
  expect(named.length).toBeGreaterThan(20);
  for (const name of named) expect(settingNames.has(name.replace(/_FILE$/, "")), name).toBe(true);
});
