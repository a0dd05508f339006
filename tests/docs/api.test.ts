/** The API page says which codes there are. Its routes are compared with a running API in `commands.test.ts`. */
import { expect, test } from "vitest";
import { problemTables } from "../../apps/intake/src/http/schemas/problem.ts";
import { readPage, section } from "./pages.ts";

test("every code that the API answers with stands on its page", async () => {
  expect(section(await readPage("docs/api.md"), "codes")).toBe(problemTables);
});
