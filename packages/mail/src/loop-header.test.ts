import { createHmac } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { loopHeader, loopHeaderName, readLoopHeader } from "./loop-header.ts";

const signWith = (key: string) => (text: string) => createHmac("sha256", key).update(text).digest();
const mark = { fleet: "fleet-1", mailbox: "support", depth: 3 };
const field = loopHeader(mark, signWith("k"));

test("what we marked we know again, also by an older key, in another case of the name, and folded", () => {
  const id = fc.stringMatching(/^[A-Za-z0-9._~-]{1,128}$/);
  fc.assert(
    fc.property(id, id, fc.integer({ min: 1, max: 9_999 }), (fleet, mailbox, depth) => {
      const { name, value } = loopHeader({ fleet, mailbox, depth }, signWith("k"));
      const seen = { name: name.toUpperCase(), value: value.replaceAll("; ", ";\r\n\t") };
      expect(readLoopHeader([seen], [signWith("newer"), signWith("k")])).toEqual({
        kind: "ours",
        fleet,
        mailbox,
        depth,
      });
    }),
  );
});

describe("what we did not sign is a loop header all the same, but not ours", () => {
  test.for([
    ["another fleet's key", field.value, "another"],
    ["another mailbox", field.value.replace("support", "sales"), "k"],
    ["another depth", field.value.replace("d=3", "d=4"), "k"],
    ["a depth that is written otherwise", field.value.replace("d=3", "d=03"), "k"],
    ["no signature", "v=1; f=fleet-1; m=support; d=3", "k"],
    ["a later version", field.value.replace("v=1", "v=2"), "k"],
    ["anything", "yes", "k"],
    ["nothing", "", "k"],
    ["a lot", "x".repeat(1_000_000), "k"],
  ] as const)("%s", ([, value, key]) => {
    expect(readLoopHeader([{ name: loopHeaderName, value }], [signWith(key)])).toEqual({ kind: "foreign" });
  });
});

test("ours is found beside another's", () => {
  const other = loopHeader(mark, signWith("another"));
  expect(readLoopHeader([other, field], [signWith("k")])).toEqual({ kind: "ours", ...mark });
});

test("a message without the field has none", () => {
  expect(readLoopHeader([{ name: "X-Loop", value: field.value }], [signWith("k")])).toBeUndefined();
});

test("ids that could leave their place are refused", () => {
  for (const bad of [{ fleet: "a; m=b" }, { mailbox: "" }, { depth: 0 }, { depth: 1.5 }, { depth: 10_000 }]) {
    expect(() => loopHeader({ ...mark, ...bad }, signWith("k"))).toThrow(TypeError);
  }
});
