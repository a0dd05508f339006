import { makeCertificate } from "@mailfleet/testkit";
import { expect, test } from "vitest";
import { secureContextFor } from "./secure-contexts.ts";

test("connections that trust the same authorities share a context, others do not", async () => {
  const { cert } = await makeCertificate();
  expect(secureContextFor(cert)).toBe(secureContextFor(cert));
  expect(secureContextFor(undefined)).toBe(secureContextFor(undefined));
  expect(secureContextFor(cert)).not.toBe(secureContextFor(undefined));
});
