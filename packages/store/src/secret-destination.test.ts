import { expect, test } from "vitest";
import { isLoginElsewhere } from "./secret-destination.ts";

type Server = Parameters<typeof isLoginElsewhere>[0];
const oauth2 = (tokenUrl: string) => ({ kind: "oauth2", tokenUrl }) as const;
const server: Server = { host: "a.example", port: 993, security: "tls", auth: { kind: "password" } };
const inClear: Server = { ...server, security: "none" };
const issued: Server = { ...server, auth: oauth2("https://id.example/") };

const rows: readonly (readonly [what: string, before: Server, after: Server, isElsewhere: boolean])[] = [
  ["the same server", server, { ...server }, false],
  ["another host", server, { ...server, host: "b.example" }, true],
  ["another port", server, { ...server, port: 143 }, true],
  ["STARTTLS in place of TLS", server, { ...server, security: "starttls" }, false],
  ["no TLS", server, inClear, true],
  ["TLS at last", inClear, server, false],
  ["a password in clear text from now on", inClear, { ...inClear, allowClearTextAuth: true }, true],
  [
    "a password in clear text as before",
    { ...inClear, allowClearTextAuth: true },
    { ...inClear, allowClearTextAuth: true },
    false,
  ],
  [
    "no clear text any more",
    { ...inClear, allowClearTextAuth: true },
    { ...inClear, allowClearTextAuth: false },
    false,
  ],
  ["any certificate from now on", server, { ...server, allowInvalidCertificate: true }, true],
  ["no such certificate any more", { ...server, allowInvalidCertificate: true }, server, false],
  ["another authority", server, { ...server, caPem: "PEM" }, true],
  ["the same issuer", issued, { ...issued, auth: oauth2("https://id.example/") }, false],
  ["another issuer", issued, { ...issued, auth: oauth2("https://evil.example/") }, true],
  ["the token's server", issued, { ...issued, host: "b.example" }, true],
];

test.each(rows)("%s", (_what, before, after, isElsewhere) => {
  expect(isLoginElsewhere(before, after)).toBe(isElsewhere);
});
