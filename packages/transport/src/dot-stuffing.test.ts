import assert from "node:assert/strict";
import fc from "fast-check";
import { describe, test } from "vitest";
import { dotStuffing, stuffWhole } from "./dot-stuffing.ts";

const wire = (content: string) => Buffer.concat(stuffWhole(Buffer.from(content))).toString();

describe("content on the wire", () => {
  const rows = [
    ["", ".\r\n"],
    ["a\r\n", "a\r\n.\r\n"],
    ["a", "a\r\n.\r\n"],
    ["a\r", "a\r\n.\r\n"],
    [".", "..\r\n.\r\n"],
    [".\r\n.\r\n", "..\r\n..\r\n.\r\n"],
    ["a\n.\nb", "a\r\n..\r\nb\r\n.\r\n"],
    ["a\r.\rb", "a\r\n..\r\nb\r\n.\r\n"],
    ["a\r\n.\r\nMAIL FROM:<>\r\n", "a\r\n..\r\nMAIL FROM:<>\r\n.\r\n"],
    ["a\n.\r\nMAIL", "a\r\n..\r\nMAIL\r\n.\r\n"],
    ["a\r\r\n", "a\r\n\r\n.\r\n"],
    ["a..b", "a..b\r\n.\r\n"],
  ] as const;
  for (const [content, expected] of rows) {
    test(JSON.stringify(content), () => assert.equal(wire(content), expected));
  }

  // Few characters, so that what matters comes often.
  const content = fc.string({ unit: fc.constantFrom("\r", "\n", ".", "a"), maxLength: 40 });

  test("ends nowhere but at its end, and has no bare CR or LF for a next hop to end it at", () => {
    fc.assert(
      fc.property(content, (text) => {
        const out = `\r\n${wire(text)}`;
        assert.equal(out.indexOf("\r\n.\r\n"), out.length - 5);
        assert.doesNotMatch(out, /\r(?!\n)|(?<!\r)\n/);
      }),
    );
  });

  test("is what it was, for whoever takes the dots away again", () => {
    fc.assert(
      fc.property(content, (text) => {
        const received = wire(text).slice(0, -3).replace(/^\./gm, "");
        const lines = text.replace(/\r\n|\r|\n/g, "\r\n");
        assert.equal(received, lines === "" || lines.endsWith("\r\n") ? lines : `${lines}\r\n`);
      }),
    );
  });

  test("is the same in pieces as it is whole", () => {
    fc.assert(
      fc.property(fc.array(content, { maxLength: 8 }), (pieces) => {
        const stuffing = dotStuffing();
        const out = [...pieces.map((piece) => stuffing.piece(Buffer.from(piece))), stuffing.end()];
        assert.equal(Buffer.concat(out).toString(), wire(pieces.join("")));
      }),
    );
  });

  test("large content is not copied", () => {
    const large = Buffer.alloc(100_000, "a");
    assert.equal(stuffWhole(large)[0], large);
  });
});
