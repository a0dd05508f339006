/** The tables of a mailbox's settings, of reasons and of failures say what the code has, and nothing that it has not. */
import { checkOperatorConfig } from "@mailfleet/answer";
import { inboundReasons, skipMeanings } from "@mailfleet/mail";
import { describe, expect, test } from "vitest";
import { signWebhook } from "../../packages/answer/src/webhook-signature.ts";
import { readSources } from "../tidy/sources.ts";
import { fieldRows } from "./field-tables.ts";
import { readPage, section, table } from "./pages.ts";

const pages = { inbound: await readPage("docs/inbound.md"), answering: await readPage("docs/answering.md") };

/** The cells of a table, without its head. */
const cellsOf = (text: string): readonly (readonly string[])[] =>
  text
    .split("\n")
    .slice(2)
    .map((line) => line.slice(2, -2).split(" | "));

describe("every setting of a mailbox stands on its page, with its values and what holds where it is absent", () => {
  test.for([...fieldRows])("%s", ([name, rows]) => {
    const cells = cellsOf(section(name === "mailbox" ? pages.inbound : pages.answering, name));
    expect(cells.map((row) => row.slice(0, 3))).toEqual(rows);
    for (const [field, , , meaning = ""] of cells) expect(meaning.length, field).toBeGreaterThan(3);
  });
});

test("every reason why a message is not answered stands on its page", () => {
  const rows = Object.entries(skipMeanings).map(([code, meaning]) => [`\`${code}\``, meaning]);
  expect(section(pages.inbound, "reasons")).toBe(table(["code", "meaning"], rows));
});

test("every code with which a try to answer fails stands on its page, and no other", async () => {
  const code = (await readSources()).filter(({ path }) =>
    /^(packages\/answer\/src|apps\/answer-worker\/src)\/(?!.*(test|testing))/.test(path),
  );
  const made = code.flatMap(({ text }) => [
    ...[...text.matchAll(/\b(?:failure|modelFailure|unusable|failed)\(\s*"([a-z_]+)"/g)].map(([, name]) => name ?? ""),
    ...[...text.matchAll(/\bcode: "((?:model|webhook|template|draft)_[a-z_]+)", permanent/g)].map(
      ([, name]) => name ?? "",
    ),
  ]);
  const named = cellsOf(section(pages.answering, "failures")).map(([cell = ""]) => cell.replaceAll("`", ""));
  expect(made.length).toBeGreaterThan(10);
  for (const name of new Set(made)) expect(named, name).toContain(name);
  const all = code.map(({ text }) => text).join("\n");
  for (const name of named.filter((one) => !one.includes("…"))) expect(all, name).toContain(`"${name}"`);
});

test("messages can be asked for by every reason that stands on the pages", () => {
  const codes = [...cellsOf(section(pages.inbound, "reasons")), ...cellsOf(section(pages.answering, "failures"))]
    .map(([cell = ""]) => cell.replaceAll("`", ""))
    .filter((code) => !code.includes("…"));
  expect(codes.length).toBeGreaterThan(50);
  expect(codes.filter((code) => !inboundReasons.has(code))).toEqual([]);
});

test("the operator's file on the page is one that a process starts with", () => {
  const [, json = ""] = /```json\n(\{\n {2}"tools"[\s\S]*?)```/.exec(pages.answering) ?? [];
  expect(checkOperatorConfig(JSON.parse(json))).toMatchObject({ ok: true });
});

test("the way in which the page checks a signature takes ours, and no other", async () => {
  const [, code = ""] = /```js\n([\s\S]*?)```/.exec(pages.answering) ?? [];
  const { isOurs } = await import(`data:text/javascript,${encodeURIComponent(code)}`);
  const secret = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
  const headers = signWebhook([secret], "1", new Date(), "{}");
  expect(isOurs(headers, "{}", secret)).toBe(true);
  expect(isOurs(headers, "{ }", secret)).toBe(false);
  expect(isOurs(headers, "{}", `whsec_${Buffer.alloc(32, 8).toString("base64")}`)).toBe(false);
  expect(isOurs(signWebhook([secret], "1", new Date(0), "{}"), "{}", secret)).toBe(false);
});
