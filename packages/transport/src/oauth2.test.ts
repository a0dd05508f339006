import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, test } from "vitest";
import { fetchAccessToken } from "./oauth2.ts";

async function askIssuer(listener: RequestListener, more: { refreshToken?: string; scope?: string } = {}) {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  try {
    const tokenUrl = `http://127.0.0.1:${port}/token`;
    return await fetchAccessToken(
      { tokenUrl, clientId: "fleet", clientSecret: "s&=cret", ...more },
      { timeoutMs: 300 },
    );
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const answers =
  (status: number, body: string): RequestListener =>
  (_request, response) =>
    void response.writeHead(status, { "content-type": "application/json" }).end(body);

describe("an access token", () => {
  test("comes for a refresh token, and a new refresh token with it", async () => {
    let asked = "";
    const result = await askIssuer(
      async (request, response) => {
        for await (const piece of request) asked += piece;
        response.end(JSON.stringify({ access_token: "at", expires_in: 3600, refresh_token: "next" }));
      },
      { refreshToken: "rt", scope: "mail" },
    );
    assert.deepEqual(result, { kind: "token", accessToken: "at", expiresInSeconds: 3600, refreshToken: "next" });
    assert.deepEqual(Object.fromEntries(new URLSearchParams(asked)), {
      grant_type: "refresh_token",
      client_id: "fleet",
      client_secret: "s&=cret",
      refresh_token: "rt",
      scope: "mail",
    });
  });

  test("comes for the client's own credentials", async () => {
    const result = await askIssuer(answers(200, '{"access_token":"at"}'));
    assert.deepEqual(result, { kind: "token", accessToken: "at", expiresInSeconds: 300 });
  });

  const rows: readonly (readonly [string, RequestListener, "refused" | "unreachable"])[] = [
    ["invalid_grant", answers(400, '{"error":"invalid_grant"}'), "refused"],
    ["invalid_client", answers(401, '{"error":"invalid_client"}'), "refused"],
    ["too many requests", answers(429, '{"error":"slow_down"}'), "unreachable"],
    ["the issuer's own trouble", answers(503, "<html>"), "unreachable"],
    ["a refusal without a code", answers(403, "<html>"), "unreachable"],
    ["an answer without a token", answers(200, "{}"), "unreachable"],
    ["a token with a line end", answers(200, '{"access_token":"a\\r\\nRSET"}'), "unreachable"],
    ["an answer without end", answers(200, `"${"x".repeat(100_000)}"`), "unreachable"],
    ["silence", () => {}, "unreachable"],
    ["hanging up", (request) => void request.socket.destroy(), "unreachable"],
    [
      "a redirect",
      (_, response) => void response.writeHead(307, { location: "http://127.0.0.1:1/" }).end(),
      "unreachable",
    ],
  ];
  for (const [what, listener, kind] of rows) {
    test(`${what} is ${kind}`, async () => assert.equal((await askIssuer(listener)).kind, kind));
  }
});
