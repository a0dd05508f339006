import assert from "node:assert/strict";
import fc from "fast-check";
import { describe, test } from "vitest";
import { maxReplyBytes, replyReader } from "./reply-reader.ts";

function readAll(chunks: readonly Buffer[]) {
  const replies: [number, string][] = [];
  let garbled: string | undefined;
  const reader = replyReader({
    isListening: () => garbled === undefined,
    onReply: (code, text) => void replies.push([code, text]),
    onGarbled: (detail) => {
      garbled = detail;
    },
  });
  for (const chunk of chunks) reader.read(chunk);
  return { replies, garbled };
}

describe("replies", () => {
  test("come whole, however the bytes are cut", () => {
    const wire = Buffer.from("250-one\r\n250 zwölf\r\n354 go on\r\n550\r\n221 bye\n");
    const expected = [
      [250, "250-one\n250 zwölf"],
      [354, "354 go on"],
      [550, "550"],
      [221, "221 bye"],
    ];
    fc.assert(
      fc.property(fc.array(fc.nat(wire.length), { maxLength: 6 }), (cuts) => {
        const at = [0, ...cuts.sort((a, b) => a - b), wire.length];
        const chunks = at.slice(1).map((end, n) => wire.subarray(at[n], end));
        assert.deepEqual(readAll(chunks), { replies: expected, garbled: undefined });
      }),
    );
  });

  for (const line of ["hello", "2500 x", "25 x", "abc d", "600 x", "199 x", "250x", ""]) {
    test(`${JSON.stringify(line)} is no reply`, () => {
      const { replies, garbled } = readAll([Buffer.from(`${line}\r\n`)]);
      assert.deepEqual(replies, []);
      assert.notEqual(garbled, undefined);
    });
  }

  test("without end are not kept", () => {
    assert.match(readAll([Buffer.alloc(maxReplyBytes + 1, "2")]).garbled ?? "", /without end/);
    const lines = Buffer.from("250-and so on\r\n".repeat(Math.ceil(maxReplyBytes / 13) + 1));
    assert.match(readAll([lines]).garbled ?? "", /without end/);
  });
});
