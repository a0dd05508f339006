import { format, inspect } from "node:util";
import { expect, test } from "vitest";
import { Secret } from "./index.ts";

test("a secret cannot print itself, whatever prints it", () => {
  const secret = new Secret("hush");
  const printed = [
    String(secret),
    `${secret}`,
    JSON.stringify({ secret }),
    inspect({ deep: { secret } }, { depth: 9, showHidden: true }),
    format("%s %o %O %j", secret, secret, secret, secret),
    Object.values(secret).join(),
  ].join("\n");
  expect(printed).not.toContain("hush");
  expect(printed).toContain("[secret]");
  expect(secret.reveal()).toBe("hush");
});
