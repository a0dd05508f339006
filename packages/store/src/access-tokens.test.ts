import type { MailboxSettings } from "@mailfleet/mail";
import { afterAll, beforeAll, expect, test } from "vitest";
import { mailboxSettings } from "./testing/inbound-rig.ts";
import { openRig, type Rig } from "./testing/rig.ts";

const settings: MailboxSettings = {
  ...mailboxSettings,
  auth: {
    kind: "oauth2",
    user: "help@example.org",
    tokenUrl: "https://issuer.example/token",
    clientId: "fleet",
    grant: "refresh_token",
  },
};

let rig: Rig;
beforeAll(async () => {
  rig = await openRig();
  await rig.account("acme");
});
afterAll(() => rig[Symbol.asyncDispose]());

async function mailbox(id: string, refreshToken = "first"): Promise<number> {
  const put = await rig.store.mailboxes.put(
    "acme",
    id,
    { ...settings, folder: id },
    { refreshToken, clientSecret: "s" },
  );
  if (put.kind !== "put") throw new Error(put.kind);
  return put.mailbox.uid;
}

test("of all who want one credential's token, over all of its mailboxes, one refreshes it and the others get it", async () => {
  const { accessTokens } = rig.store;
  const [inbox, archive] = [await mailbox("inbox"), await mailbox("archive")];
  const claims = await Promise.all(
    [inbox, archive, inbox, archive].map((mailboxUid, n) => accessTokens.claim({ mailboxUid }, n + 1)),
  );
  expect(claims.map(({ kind }) => kind).toSorted()).toEqual(["refresh", "wait", "wait", "wait"]);
  const workerId = claims.findIndex(({ kind }) => kind === "refresh") + 1;
  await accessTokens.store({ mailboxUid: inbox }, 99, { accessToken: "another's", expiresInSeconds: 3_600 });
  expect((await accessTokens.claim({ mailboxUid: archive }, 7)).kind).toBe("wait");
  await accessTokens.store({ mailboxUid: inbox }, workerId, { accessToken: "token", expiresInSeconds: 3_600 });
  expect(await accessTokens.claim({ mailboxUid: archive }, 7)).toEqual({
    kind: "token",
    accessToken: "token",
  });
  await accessTokens.forget({ mailboxUid: archive });
  expect((await accessTokens.claim({ mailboxUid: inbox }, 8)).kind).toBe("refresh");
});

test("a mailbox that logs in alike at another server, or with less protection, is given none of its token", async () => {
  const { accessTokens, mailboxes } = rig.store;
  const real = await mailbox("real");
  await accessTokens.forget({ mailboxUid: real });
  await accessTokens.claim({ mailboxUid: real }, 1);
  await accessTokens.store({ mailboxUid: real }, 1, { accessToken: "token", expiresInSeconds: 3_600 });
  for (const changes of [
    { host: "evil.example" },
    { port: 1 },
    { allowClearTextAuth: true },
    { allowInvalidCertificate: true },
  ]) {
    const likeIt = { ...settings, folder: "like-it", ...changes } as MailboxSettings;
    const put = await mailboxes.put("acme", "like-it", likeIt, {
      refreshToken: "made up",
      clientSecret: "s",
    });
    const claim = put.kind === "put" && (await accessTokens.claim({ mailboxUid: put.mailbox.uid }, 2));
    expect(claim).toEqual({ kind: "refresh" });
  }
  expect((await accessTokens.claim({ mailboxUid: real }, 3)).kind).toBe("token");
});

test("a refresh token that was replaced is kept in every mailbox that had it, and a person's later one stays", async () => {
  const { mailboxes } = rig.store;
  const [one, two, other] = [await mailbox("one"), await mailbox("two"), await mailbox("other", "a person's")];
  // Another setting is no other credential.
  await mailboxes.put("acme", "one", { ...settings, folder: "one", pollIntervalMs: 5_000 });
  await mailboxes.replaceRefreshToken(one, "first", "second");
  const tokens = await Promise.all(
    [one, two, other].map(async (uid) => (await mailboxes.open(uid))?.secrets.refreshToken),
  );
  expect(tokens).toEqual(["second", "second", "a person's"]);
});
