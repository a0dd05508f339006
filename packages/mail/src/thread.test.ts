import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isMessageId } from "./message-fields.ts";
import { written } from "./testing/written.ts";
import { threadLimits, threadOf } from "./thread.ts";

const ids = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => `<${from + i}@x>`);

describe("an answer refers to its message and what that refers to (RFC 5322 section 3.6.4)", () => {
  test.for([
    ["Message-ID alone", ["Message-ID: <1@x>"], "<1@x>", ["<1@x>"]],
    ["References first", ["Message-ID: <3@x>", "References: <1@x> <2@x>"], "<3@x>", ["<1@x>", "<2@x>", "<3@x>"]],
    [
      "one In-Reply-To for want of References",
      ["Message-ID: <3@x>", "In-Reply-To: <2@x>"],
      "<3@x>",
      ["<2@x>", "<3@x>"],
    ],
    ["two In-Reply-To do not make a chain", ["Message-ID: <3@x>", "In-Reply-To: <1@x> <2@x>"], "<3@x>", ["<3@x>"]],
    ["References win", ["Message-ID: <3@x>", "References: <1@x>", "In-Reply-To: <2@x>"], "<3@x>", ["<1@x>", "<3@x>"]],
    ["no Message-ID", ["References: <1@x>"], undefined, ["<1@x>"]],
    ["nothing", [], undefined, []],
    ["each id once, itself last", ["Message-ID: <1@x>", "References: <1@x> <2@x> <2@x>"], "<1@x>", ["<2@x>", "<1@x>"]],
    [
      "the first and the newest of many",
      ["Message-ID: <99@x>", `References: ${ids(1, 40).join(" ")}`],
      "<99@x>",
      ["<1@x>", ...ids(40 - threadLimits.references + 3, 40), "<99@x>"],
    ],
  ] as const)("%s", ([, lines, inReplyTo, references]) => {
    const thread = threadOf(written(lines));
    expect(thread.inReplyTo).toBe(inReplyTo);
    expect(thread.references).toEqual(references);
  });
});

test("what is no Message-ID is never passed on, and the chain stays bounded", () => {
  const id = fc.oneof(
    fc.constantFrom("<1@x>", "<2@x>", "<>", "1@x"),
    fc.string(),
    fc.constant(`<${"a".repeat(300)}@x>`),
  );
  fc.assert(
    fc.property(
      fc.array(id, { maxLength: 60 }),
      fc.array(id),
      fc.option(id, { nil: undefined }),
      (references, inReplyTo, messageId) => {
        const { messageId: _, ...rest } = written([]);
        const thread = threadOf({ ...rest, references, inReplyTo, ...(messageId === undefined ? {} : { messageId }) });
        expect(thread.references.every(isMessageId)).toBe(true);
        expect(thread.references.length).toBeLessThanOrEqual(threadLimits.references);
        expect(new Set(thread.references).size).toBe(thread.references.length);
        if (thread.inReplyTo !== undefined) expect(thread.references.at(-1)).toBe(thread.inReplyTo);
      },
    ),
  );
});
