import { createHmac } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { deliveryOfEnvelopeId, envelopeIdOf } from "./envelope-id.ts";
import { deliveryOfVerp, verpAddress } from "./verp.ts";

const signWith = (key: string) => (text: string) => createHmac("sha256", key).update(text).digest();
const uid = "01a20129-5cbb-7000-8000-000000000001";

test("every delivery is found by its ENVID, which is its own xtext and short enough for RFC 3461", () => {
  fc.assert(
    fc.property(fc.uuid(), fc.boolean(), (any, shouts) => {
      const envid = envelopeIdOf(any, signWith("k"));
      expect(envid).toMatch(/^[!-*,-<>-~]{1,100}$/);
      expect(deliveryOfEnvelopeId(shouts ? ` ${envid.toUpperCase()}` : envid, [signWith("newer"), signWith("k")])).toBe(
        any,
      );
    }),
  );
});

test("a forged or foreign ENVID finds nothing, and neither does a name signed for another use", () => {
  const envid = envelopeIdOf(uid, signWith("k"));
  expect(deliveryOfEnvelopeId(envid, [signWith("another")])).toBeUndefined();
  expect(deliveryOfEnvelopeId(envid.replace("mf-a", "mf-b"), [signWith("k")])).toBeUndefined();
  expect(deliveryOfEnvelopeId("QQ314159", [signWith("k")])).toBeUndefined();
  const verp = verpAddress(uid, "example.org", signWith("k"));
  expect(deliveryOfEnvelopeId(verp.replace("b+", "mf-").replace("@example.org", ""), [signWith("k")])).toBeUndefined();
  expect(deliveryOfVerp(`${envid.replace("mf-", "b+")}@example.org`, [signWith("k")])).toBeUndefined();
});
