import { expect, test } from "vitest";
import { BadCursorError, pageOf, pageSize, readCursor, writeCursor } from "./page.ts";

test.each([
  [undefined, 50],
  [0, 1],
  [-5, 1],
  [1, 1],
  [200, 200],
  [100_000, 200],
])("a limit of %s gives pages of %i", (limit, size) => {
  expect(pageSize(limit === undefined ? {} : { limit })).toBe(size);
});

test("a cursor reads back as the key it was made of", () => {
  expect(readCursor({ cursor: writeCursor("böb@example.org") }, "text")).toBe("böb@example.org");
  expect(readCursor({ cursor: writeCursor(42) }, "integer")).toBe("42");
  expect(readCursor({}, "uuid")).toBeUndefined();
});

test.each([
  ["", "text"],
  ["!!!", "text"],
  [writeCursor("a\u0000b"), "text"],
  [writeCursor("not-a-uuid"), "uuid"],
  [writeCursor("1; drop table"), "integer"],
  ["x".repeat(10_000), "text"],
] as const)("the foreign cursor %j is refused for %s", (cursor, kind) => {
  expect(() => readCursor({ cursor }, kind)).toThrow(BadCursorError);
});

test("only a page with more behind it has a cursor, and that names its last item", () => {
  const double = (n: number) => n * 2;
  const self = (n: number) => n;
  expect(pageOf([1, 2], 2, self, double)).toEqual({ items: [2, 4] });
  expect(pageOf([1, 2, 3], 2, self, double)).toEqual({ items: [2, 4], nextCursor: writeCursor(2) });
  expect(pageOf([], 2, self, double)).toEqual({ items: [] });
});
