import { describe, expect, test } from "vitest";
import { isQuarantine, needsWord, planOf, reconnectDelayMs, unknownWithoutWord } from "./plan.ts";
import type { TroubleKind } from "./trouble.ts";

const plans = [
  [
    "a mailbox that nobody has looked at",
    { uidValidity: null, watermark: null },
    { uidValidity: 7, uidNext: 5 },
    "first",
  ],
  ["settings that name another folder", { uidValidity: null, watermark: 4 }, { uidValidity: 7, uidNext: 5 }, "first"],
  ["a first look that was not finished", { uidValidity: 7, watermark: null }, { uidValidity: 7, uidNext: 5 }, "first"],
  ["nothing new", { uidValidity: 7, watermark: 4 }, { uidValidity: 7, uidNext: 5 }, "go_on"],
  ["arrivals", { uidValidity: 7, watermark: 4 }, { uidValidity: 7, uidNext: 9 }, "go_on"],
  ["a server that does not say UIDNEXT", { uidValidity: 7, watermark: 4 }, { uidValidity: 7 }, "go_on"],
  ["an empty folder that was empty", { uidValidity: 7, watermark: 0 }, { uidValidity: 7, uidNext: 1 }, "go_on"],
  ["another UIDVALIDITY", { uidValidity: 7, watermark: 4 }, { uidValidity: 8, uidNext: 5 }, "renumbered"],
  ["a lower UIDVALIDITY", { uidValidity: 7, watermark: 4 }, { uidValidity: 6, uidNext: 5 }, "renumbered"],
  [
    "a folder restored from an older copy",
    { uidValidity: 7, watermark: 40 },
    { uidValidity: 7, uidNext: 30 },
    "renumbered",
  ],
  ["UIDNEXT at the watermark", { uidValidity: 7, watermark: 40 }, { uidValidity: 7, uidNext: 40 }, "renumbered"],
] as const;

describe("what to do first", () => {
  test.for(plans)("%s", ([, position, folder, kind]) => {
    expect(planOf({ resume: null, ...position }, folder).kind).toBe(kind);
  });

  test("a word about what is unknown is carried out to its end, whatever was recorded under the new numbers", () => {
    const position = { uidValidity: 7, watermark: 4, resume: "skip" } as const;
    expect(planOf(position, { uidValidity: 7, uidNext: 9 }).kind).toBe("renumbered");
  });
});

describe("how long to stay away", () => {
  const longest = (kind: TroubleKind, failures: number) => reconnectDelayMs(kind, failures, () => 0);
  const shortest = (kind: TroubleKind, failures: number) => reconnectDelayMs(kind, failures, () => 0.999_999);

  test("a broken way is tried after at most a second, then up to a minute, with full jitter", () => {
    expect([1, 2, 3, 7, 8, 1_000].map((n) => longest("unreachable", n))).toEqual([
      1_000, 2_000, 4_000, 60_000, 60_000, 60_000,
    ]);
    expect(shortest("unreachable", 8)).toBe(0);
  });

  test("refused credentials are tried seldom, and never at once", () => {
    expect([1, 2, 3, 4, 5, 1_000].map((n) => longest("authentication", n) / 60_000)).toEqual([2, 8, 32, 128, 360, 360]);
    expect(shortest("authentication", 1)).toBeGreaterThanOrEqual(90_000);
  });

  test("a server that asks for peace gets some", () => {
    expect(shortest("throttled", 1)).toBeGreaterThanOrEqual(7_500);
  });

  test("only what other credentials or another server would mend is a quarantine", () => {
    const kinds: TroubleKind[] = [
      "authentication",
      "unsupported",
      "throttled",
      "unreachable",
      "tls",
      "folder_missing",
      "protocol",
    ];
    expect(kinds.filter(isQuarantine)).toEqual(["authentication", "unsupported"]);
  });
});

test("a few unknown messages after a renumbering are taken, many need a person's word", () => {
  expect([0, unknownWithoutWord, unknownWithoutWord + 1].map(needsWord)).toEqual([false, false, true]);
});
