import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { collector, contentBudget } from "./content.ts";

const plenty = () => contentBudget(1_000_000);

/** What comes of content that arrives in these chunks. */
function collect(chunks: readonly Buffer[], maxBytes = 1_000_000, budget = plenty()) {
  const collecting = collector(maxBytes, budget);
  for (const chunk of chunks) collecting.add(chunk);
  const end = collecting.end();
  collecting.release();
  expect(budget.usedBytes).toBe(0);
  return "content" in end ? end.content : `${end.refusal.code} ${end.refusal.status}`;
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

  test("content that is too large takes no memory from then on", () => {
    const budget = plenty();
    const collecting = collector(100, budget);
    collecting.add(Buffer.alloc(90, "x"));
    expect(budget.usedBytes).toBe(90);
    collecting.add(Buffer.alloc(20, "x"));
    expect(budget.usedBytes).toBe(0);
    collecting.add(Buffer.alloc(20, "x"));
    expect(budget.usedBytes).toBe(0);
  });

  test("when all sessions together hold too much, the next is told to come back, and gets in when there is room", () => {
    const budget = contentBudget(100);
    const first = collector(1_000, budget);
    first.add(Buffer.alloc(80, "x"));
    expect(collectWithin(budget, 30)).toBe("452 4.3.1");
    first.end();
    expect(collectWithin(budget, 30)).toBe("452 4.3.1");
    first.release();
    first.release();
    expect(collectWithin(budget, 30)).toHaveLength(30);
  });

  function collectWithin(budget: ReturnType<typeof contentBudget>, bytes: number) {
    const collecting = collector(1_000, budget);
    collecting.add(Buffer.alloc(bytes, "x"));
    const end = collecting.end();
    collecting.release();
    return "content" in end ? end.content : `${end.refusal.code} ${end.refusal.status}`;
  }
});
