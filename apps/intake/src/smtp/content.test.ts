import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type ContentBudget, collector, contentBudgets } from "./content.ts";

const budgets = (contentBytes = 1_000_000, contentBytesPerTenant = contentBytes) =>
  contentBudgets({ contentBytes, contentBytesPerTenant });

/** What comes of content that arrives in these chunks. */
function collect(chunks: readonly Buffer[], maxBytes = 1_000_000, budget = budgets()("acme")) {
  const collecting = collector(maxBytes, budget);
  for (const chunk of chunks) collecting.add(chunk);
  const end = collecting.end();
  collecting.release();
  return "content" in end ? end.content : `${end.refusal.code} ${end.refusal.status}`;
}

/** How much can still be taken. */
function room(budget: ContentBudget): number {
  let bytes = 0;
  while (budget.take(1)) bytes++;
  budget.give(bytes);
  return bytes;
}

test("content with a bare CR, a bare LF or a NUL is refused, and no other, wherever the network cuts it", () => {
  const octets = fc.array(fc.constantFrom("\r", "\n", "\r\n", "\0", ".", "a"), { maxLength: 12 });
  fc.assert(
    fc.property(octets, fc.array(fc.nat(20), { maxLength: 6 }), (pieces, cuts) => {
      const content = Buffer.from(pieces.join(""));
      const at = [0, ...cuts.map((cut) => Math.min(cut, content.length)).sort((a, b) => a - b), content.length];
      const chunks = at.slice(1).map((end, n) => content.subarray(at[n], end));
      const isClean = !/[\r\n\0]/.test(content.toString().replaceAll("\r\n", ""));
      expect(collect(chunks)).toEqual(isClean ? content : "550 5.6.0");
    }),
    { numRuns: 3_000 },
  );
});

describe("limits", () => {
  test("content of the maximum passes, one octet more does not", () => {
    expect(collect([Buffer.alloc(60, "x"), Buffer.alloc(40, "x")], 100)).toHaveLength(100);
    expect(collect([Buffer.alloc(60, "x"), Buffer.alloc(41, "x")], 100)).toBe("552 5.3.4");
  });

  test("content that is refused takes no memory from then on", () => {
    for (const refused of [Buffer.alloc(20, "x"), Buffer.from("\0"), Buffer.from("a\nb")]) {
      const budget = budgets(200)("acme");
      const collecting = collector(100, budget);
      collecting.add(Buffer.alloc(90, "x"));
      expect(room(budget)).toBe(110);
      collecting.add(refused);
      collecting.add(Buffer.alloc(20, "x"));
      expect(room(budget)).toBe(200);
    }
  });

  test("memory is held until it is released, and released once", () => {
    const budget = budgets(100)("acme");
    const first = collector(1_000, budget);
    first.add(Buffer.alloc(80, "x"));
    expect(collect([Buffer.alloc(30, "x")], 1_000, budget)).toBe("452 4.3.1");
    first.end();
    expect(collect([Buffer.alloc(30, "x")], 1_000, budget)).toBe("452 4.3.1");
    first.release();
    first.release();
    expect(room(budget)).toBe(100);
  });

  test("one tenant cannot hold all of it, and all together cannot hold more", () => {
    const of = budgets(100, 60);
    expect(of("acme").take(60)).toBe(true);
    expect(of("acme").take(1)).toBe(false);
    expect(room(of("other"))).toBe(40);
    of("acme").give(60);
    expect(room(of("acme"))).toBe(60);
  });
});
