import { describe, expect, test } from "vitest";
import { areAligned, isWithin } from "./domain-alignment.ts";

describe("domains are aligned where one is the other's, and never across what may be a public suffix", () => {
  test.for([
    ["example.org", "example.org", true],
    ["example.org", "mail.example.org", true],
    ["a.b.example.co.uk", "example.co.uk", true],
    ["a.example.org", "b.example.org", false],
    ["example.org", "notexample.org", false],
    ["example.org", "org", false],
    ["co.uk", "evil.co.uk", false],
    ["com.br", "evil.com.br", false],
    ["gouv.fr", "evil.gouv.fr", false],
    ["github.io", "evil.github.io", false],
    ["eu.org", "evil.eu.org", false],
    ["bahn.de", "mail.bahn.de", true],
    ["co.uk", "co.uk", true],
    ["[192.0.2.1]", "[192.0.2.1]", true],
    ["", "example.org", false],
  ] as const)("%s and %s: %s", ([one, other, aligned]) => {
    expect(areAligned(one, other)).toBe(aligned);
    expect(areAligned(other, one)).toBe(aligned);
  });
});

test("a domain is within its ancestors, not the other way round", () => {
  expect(isWithin("mail.example.org", "example.org")).toBe(true);
  expect(isWithin("example.org", "mail.example.org")).toBe(false);
});
