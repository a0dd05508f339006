import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { readMessage } from "./read-message.ts";

const folder = new URL("testdata/", import.meta.url);
const names = readdirSync(folder).filter((name) => name.endsWith(".eml"));

describe("each message of the corpus is read as its page says", () => {
  test.each(names)("%s", (name) => {
    const expected = JSON.parse(readFileSync(new URL(name.replace(/\.eml$/, ".json"), folder), "utf8"));
    const result = readMessage(readFileSync(new URL(name, folder)), false);
    expect(result.ok && JSON.parse(JSON.stringify(result.message))).toMatchObject(expected);
  });

  test("holds every kind of message that is named", () => {
    expect(names.length).toBeGreaterThan(50);
  });
});
