import { createHmac } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { parseAddress } from "./address.ts";
import { deliveryOfVerp, verpAddress } from "./verp.ts";

const signWith = (key: string) => (text: string) => createHmac("sha256", key).update(text).digest();

test("every delivery is found by its reverse-path, also where a relay changed its case", () => {
  fc.assert(
    fc.property(fc.uuid(), fc.boolean(), (uid, shouts) => {
      const address = verpAddress(uid, "bounces.example.org", signWith("k"));
      expect(parseAddress(address).ok).toBe(true);
      const seen = shouts ? address.toUpperCase() : address;
      expect(deliveryOfVerp(seen, [signWith("newer"), signWith("k")])).toBe(uid);
    }),
  );
});

test("a forged or foreign reverse-path finds nothing", () => {
  const uid = "01a20129-5cbb-7000-8000-000000000001";
  const address = verpAddress(uid, "bounces.example.org", signWith("k"));
  expect(deliveryOfVerp(address, [signWith("another")])).toBeUndefined();
  expect(deliveryOfVerp(address.replace("b+a", "b+b"), [signWith("k")])).toBeUndefined();
  expect(deliveryOfVerp("ann@example.org", [signWith("k")])).toBeUndefined();
});

test("a signer whose signatures are too short signs nothing, and vouches for nothing", () => {
  const uid = "01a20129-5cbb-7000-8000-000000000001";
  const address = verpAddress(uid, "bounces.example.org", signWith("k"));
  const short = (text: string) => signWith("k")(text).subarray(0, 9);
  expect(() => verpAddress(uid, "bounces.example.org", short)).toThrow(TypeError);
  expect(() => deliveryOfVerp(address, [short])).toThrow(TypeError);
});
