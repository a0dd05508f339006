import { describe, expect, test } from "vitest";
import { printable, troubleOf } from "./trouble.ts";

const whileLoggingIn = [
  [
    "a password that is refused",
    {
      authenticationFailed: true,
      responseStatus: "NO",
      serverResponseCode: "AUTHENTICATIONFAILED",
      responseText: "no",
    },
    "authentication",
    "AUTHENTICATIONFAILED",
  ],
  [
    "a refusal without a code",
    { authenticationFailed: true, responseStatus: "NO", responseText: "go away" },
    "authentication",
    "NO_CODE",
  ],
  [
    "a BAD to the login",
    { authenticationFailed: true, responseStatus: "BAD", responseText: "what?" },
    "authentication",
    "NO_CODE",
  ],
  [
    "a directory that is away (RFC 5530)",
    { authenticationFailed: true, responseStatus: "NO", serverResponseCode: "UNAVAILABLE" },
    "unreachable",
    "UNAVAILABLE",
  ],
  [
    "too many connections",
    { authenticationFailed: true, responseStatus: "NO", serverResponseCode: "LIMIT" },
    "throttled",
    "LIMIT",
  ],
  ["too many logins", { responseStatus: "NO", serverResponseCode: "THROTTLED" }, "throttled", "THROTTLED"],
  ["a back-off that Microsoft asks for", { code: "ETHROTTLE", responseStatus: "BAD" }, "throttled", "THROTTLED"],
  [
    "an end in the middle of the login",
    { authenticationFailed: true, code: "NoConnection" },
    "unreachable",
    "NoConnection",
  ],
  [
    "BYE instead of a greeting",
    { code: "ClosedAfterConnectText", reason: "Too many connections" },
    "unreachable",
    "BYE",
  ],
  ["a refused connection", { code: "ECONNREFUSED" }, "unreachable", "ECONNREFUSED"],
  ["a name that is not known", { code: "ENOTFOUND" }, "unreachable", "ENOTFOUND"],
  ["silence", { code: "GREETING_TIMEOUT" }, "unreachable", "GREETING_TIMEOUT"],
  ["a certificate of one's own", { code: "DEPTH_ZERO_SELF_SIGNED_CERT" }, "tls", "DEPTH_ZERO_SELF_SIGNED_CERT"],
  ["a certificate for another name", { code: "ERR_TLS_CERT_ALTNAME_INVALID" }, "tls", "ERR_TLS_CERT_ALTNAME_INVALID"],
  ["no STARTTLS", { tlsFailed: true, message: "Server does not support STARTTLS" }, "tls", "NO_STARTTLS"],
  ["clear text to a TLS port", { code: "ERR_SSL_WRONG_VERSION_NUMBER" }, "tls", "ERR_SSL_WRONG_VERSION_NUMBER"],
  ["no mechanism that we know", { message: "Unsupported authentication mechanism" }, "unsupported", "NO_MECHANISM"],
  ["a literal of a gigabyte", { code: "LiteralTooLarge" }, "protocol", "LiteralTooLarge"],
  ["what is not IMAP", { code: "ParserError11" }, "protocol", "ParserError11"],
] as const;

describe("while logging in", () => {
  test.for(whileLoggingIn)("%s", ([, error, kind, code]) => {
    expect(troubleOf(error, { loggedIn: false })).toMatchObject({ kind, code });
  });
});

const later = [
  ["the end of the connection", { code: "NoConnection" }, "unreachable", "NoConnection"],
  ["BYE", { code: "NoConnection", reason: "Server shutting down" }, "unreachable", "NoConnection"],
  ["a reset", { code: "ECONNRESET" }, "unreachable", "ECONNRESET"],
  ["an error without a code", { message: "?" }, "unreachable", "CLOSED"],
] as const;

describe("later", () => {
  test.for(later)("%s", ([, error, kind, code]) => {
    expect(troubleOf(error, { loggedIn: true })).toMatchObject({ kind, code });
  });
});

test("only a server's NO or BAD to the login is an authentication failure", () => {
  const kinds = whileLoggingIn
    .filter(([, error]) => !("responseStatus" in error))
    .map(([, error]) => troubleOf(error, { loggedIn: false }).kind);
  expect(kinds).not.toContain("authentication");
});

test("a server's words cannot break a line, and have an end", () => {
  expect(printable("a\r\n\u001b[31mb\u0085")).toBe("a [31mb");
  expect(printable("x".repeat(10_000))).toHaveLength(500);
});
