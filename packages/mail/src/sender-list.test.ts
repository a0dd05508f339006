import { describe, expect, test } from "vitest";
import { isSenderEntry, matchesSender } from "./sender-list.ts";

describe("an entry names exactly what it says", () => {
  test.for([
    ["ann@example.org", "ann@example.org", true],
    ["Ann@Example.ORG", "aNN@example.org", true],
    ['"ann"@example.org', "ann@example.org", true],
    ["ann@example.org", "joann@example.org", false],
    ["ann@example.org", "ann@example.org.evil.example", false],
    ["ann@example.org", "ann+x@example.org", false],
    ["@example.org", "anyone@EXAMPLE.org", true],
    ["@example.org", "ann@mail.example.org", false],
    ["@example.org", "ann@notexample.org", false],
    ["@example.org", '"@example.org"@evil.example', false],
    ["@xn--bcher-kva.example", "ann@bücher.example", true],
    ["@BÜCHER.example", "ann@xn--bcher-kva.example", true],
    ["example.org", "ann@example.org", false],
    ["*@example.org", "ann@example.org", false],
    ["@", "ann@example.org", false],
    ["", "ann@example.org", false],
    ["@example.org", "not an address", false],
    ["@example.org", "", false],
  ] as const)("%s names %s: %s", ([entry, address, named]) => {
    expect(matchesSender([entry], address)).toBe(named);
    expect(matchesSender(["bob@example.com", entry], address)).toBe(named);
  });
});

test("an empty list names nobody", () => {
  expect(matchesSender([], "ann@example.org")).toBe(false);
});

test("what can name nobody is refused as an entry", () => {
  expect(["ann@example.org", "@example.org", "@bücher.example"].filter(isSenderEntry)).toHaveLength(3);
  expect(["", "@", "example.org", "ann@", "@exa mple.org", "Ann <ann@example.org>"].filter(isSenderEntry)).toEqual([]);
});
