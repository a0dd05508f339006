import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { openStore, type Store } from "@mailfleet/store";
import { privateDatabase } from "@mailfleet/testkit";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { accessTokenOf } from "./access-tokens.ts";

/** An issuer that takes each refresh token once, and gives another one with the access token. */
let issuer: Server;
let asked: (string | null)[] = [];
let good = 0;
let status = 200;
const own = new AsyncDisposableStack();
let store: Store;

beforeAll(async () => {
  issuer = createServer(async (request, response) => {
    const given = new URLSearchParams(await text(request)).get("refresh_token");
    asked.push(given);
    const isGood = status === 200 && given === `refresh-${good}`;
    if (isGood) good++;
    response.writeHead(isGood ? 200 : status === 200 ? 400 : status, { "content-type": "application/json" });
    response.end(
      JSON.stringify(
        isGood
          ? {
              access_token: `access-${good}`,
              token_type: "Bearer",
              expires_in: 3_600,
              refresh_token: `refresh-${good}`,
            }
          : { error: "invalid_grant" },
      ),
    );
  }).listen(0, "127.0.0.1");
  await once(issuer, "listening");
  const database = own.use(await privateDatabase());
  const secretKeys = [randomBytes(32).toString("base64")];
  store = own.use(openStore({ databaseUrl: database.url, poolSize: 8, secretKeys }));
});
afterAll(async () => {
  issuer.close();
  await own.disposeAsync();
});
beforeEach(() => {
  asked = [];
  good = 0;
  status = 200;
});

async function account(tenantId: string, ...ids: readonly string[]) {
  await store.tenants.put(tenantId, {});
  const { port } = issuer.address() as AddressInfo;
  const auth = {
    kind: "oauth2",
    user: "us@example.org",
    tokenUrl: `http://127.0.0.1:${port}/`,
    clientId: "c",
  } as const;
  const uids: number[] = [];
  for (const id of ids) {
    const settings = { host: "127.0.0.1", port: 25, security: "none", auth } as const;
    const put = await store.accounts.put(tenantId, id, settings, { refreshToken: "refresh-0", clientSecret: "s" });
    if (put.kind !== "put") throw new Error(put.kind);
    uids.push(put.account.uid);
  }
  return uids;
}

async function tokenOf(accountUid: number, workerId: number) {
  const opened = await store.accounts.openForSending(accountUid);
  if (!opened) throw new Error("there is no such account");
  return accessTokenOf(store, opened, workerId);
}

test("an issuer is asked once for all processes and accounts of a credential, and its new refresh token is used next", async () => {
  const [one = 0, two = 0] = await account("acme", "one", "two");
  const all = await Promise.all([tokenOf(one, 1), tokenOf(two, 2), tokenOf(one, 3)]);
  expect(all).toEqual(["access-1", "access-1", "access-1"]);
  await store.accessTokens.forget({ accountUid: two });
  expect(await tokenOf(two, 4)).toBe("access-2");
  await store.accessTokens.forget({ accountUid: one });
  expect(await tokenOf(one, 5)).toBe("access-3");
  expect(asked).toEqual(["refresh-0", "refresh-1", "refresh-2"]);
});

test("a refusal is the credentials' trouble, and an issuer that is away is not", async () => {
  const [uid = 0] = await account("refused", "one");
  good = 7;
  expect(await tokenOf(uid, 1)).toMatchObject({ blocksAccount: true, trouble: "authentication" });
  status = 503;
  expect(await tokenOf(uid, 1)).toMatchObject({ blocksAccount: true, trouble: "unreachable" });
  status = 200;
  good = 0;
  expect(await tokenOf(uid, 2)).toBe("access-1");
});

test("another tenant with the same words has a token of its own", async () => {
  const [uid = 0] = await account("first", "one");
  expect(await tokenOf(uid, 1)).toBe("access-1");
  good = 0;
  const [other = 0] = await account("second", "one");
  expect(await tokenOf(other, 1)).toBe("access-1");
  expect(asked).toEqual(["refresh-0", "refresh-0"]);
});
