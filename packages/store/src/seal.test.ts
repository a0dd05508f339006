import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { openSecretKeys, SealError } from "./seal.ts";

const newKey = () => randomBytes(32).toString("base64");
const codeOf = (work: () => unknown) => {
  try {
    work();
  } catch (error) {
    if (error instanceof SealError) return error.code;
    throw error;
  }
  return undefined;
};

test("what is sealed opens again, under the same context only", () => {
  const keys = openSecretKeys([newKey()]);
  const sealed = keys.seal("pässword", "account a/b");
  expect(keys.open(sealed, "account a/b").toString()).toBe("pässword");
  expect(sealed.bytes.includes("pässword")).toBe(false);
  expect(codeOf(() => keys.open(sealed, "account a/c"))).toBe("seal_broken");
});

test("the same secret never looks the same twice", () => {
  const keys = openSecretKeys([newKey()]);
  expect(keys.seal("x", "c").bytes.equals(keys.seal("x", "c").bytes)).toBe(false);
});

test("the first key seals, and every listed key opens", () => {
  const [old, fresh] = [newKey(), newKey()];
  const sealed = openSecretKeys([old]).seal("x", "c");
  const both = openSecretKeys([fresh, old]);
  expect(both.open(sealed, "c").toString()).toBe("x");
  expect(both.seal("x", "c").keyId).toBe(both.currentId);
  expect(both.currentId).not.toBe(sealed.keyId);
});

test("a secret whose key is not listed says so by code and key id", () => {
  const sealed = openSecretKeys([newKey()]).seal("x", "c");
  const others = openSecretKeys([newKey()]);
  expect(codeOf(() => others.open(sealed, "c"))).toBe("unknown_secret_key");
  expect(() => others.open(sealed, "c")).toThrow(sealed.keyId);
});

test("a sealed secret with any byte changed, or cut short, does not open", () => {
  const keys = openSecretKeys([newKey()]);
  const { bytes, keyId } = keys.seal("secret", "c");
  for (let at = 0; at < bytes.byteLength; at++) {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] as number) ^ 1;
    expect(codeOf(() => keys.open({ bytes: changed, keyId }, "c"))).toBe("seal_broken");
    expect(codeOf(() => keys.open({ bytes: bytes.subarray(0, at), keyId }, "c"))).toBe("seal_broken");
  }
});

test.each([
  ["not base64!", "bad_secret_key"],
  [randomBytes(31).toString("base64"), "bad_secret_key"],
  [randomBytes(33).toString("base64"), "bad_secret_key"],
  ["", "bad_secret_key"],
])("the key %j is refused", (text, code) => {
  expect(codeOf(() => openSecretKeys([newKey(), text]))).toBe(code);
});

test("an empty list of keys is refused", () => {
  expect(codeOf(() => openSecretKeys([]))).toBe("no_secret_keys");
});
