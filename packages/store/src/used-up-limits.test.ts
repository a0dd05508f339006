import { createHash } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openAcceptor } from "./acceptor.ts";
import type { AccountSettings } from "./account-settings.ts";
import type { Submission } from "./submission.ts";
import { openRig, type Rig } from "./testing/rig.ts";
import { refuseAboveLimits } from "./used-up-limits.ts";

let rig: Rig;
beforeAll(async () => {
  rig = await openRig();
});
afterAll(() => rig[Symbol.asyncDispose]());

const submissionOf = (tenantId: string, changes: Partial<Submission> = {}, to = "ann@example.org"): Submission => ({
  tenantId,
  origin: "tenant",
  digest: createHash("sha256").update(to).digest(),
  envelope: { reversePath: "us@example.com", recipients: [{ address: to }], smtpUtf8: false, eightBit: false },
  messageId: "<1@example.com>",
  content: Buffer.from("Subject: hello\r\n\r\nhello\r\n"),
  priority: "medium",
  inDoubt: "retry",
  via: "http",
  ...changes,
});

/** A tenant whose account has these limits, and the hands to use them up and to submit. */
async function withLimits(tenant: string, limits: NonNullable<AccountSettings["limits"]>) {
  const { db, accounts } = rig.store;
  const uid = await rig.account(tenant, "main", { limits });
  const acceptor = openAcceptor(db);
  const { accept } = refuseAboveLimits(acceptor, { db, accounts });
  return {
    uid,
    submit: (changes?: Partial<Submission>, to?: string) => accept(submissionOf(tenant, changes, to)),
    async send(n: number, domain?: string) {
      const key = await accounts.keyIdFor(uid, domain);
      for (let i = 0; i < n; i++) await db.query("select mailfleet.take_token($1, $2)", [uid, key]);
    },
    [Symbol.asyncDispose]: () => acceptor[Symbol.asyncDispose](),
  };
}

test("an account that rejects refuses mail above a used-up limit until its window ends, and then takes it", async () => {
  await using account = await withLimits("rejects", { perMinute: 2, perDay: 100, behavior: "reject" });
  expect(await account.submit()).toMatchObject({ kind: "accepted" });
  await account.send(2);
  const refused = await account.submit();
  expect(refused).toMatchObject({ kind: "refused", code: "rate_limited" });
  const { retryAfterSeconds = 0 } = refused as { retryAfterSeconds?: number };
  expect(retryAfterSeconds).toBeGreaterThan(0);
  expect(retryAfterSeconds).toBeLessThanOrEqual(60);
  const past = "update mailfleet.queue_keys set minute_start = now() - interval '1 minute' where account_uid = $1";
  await rig.store.db.query(past, [account.uid]);
  expect(await account.submit()).toMatchObject({ kind: "accepted" });
});

test("an account that defers takes mail above its limit", async () => {
  await using account = await withLimits("defers", { perMinute: 1 });
  await account.send(1);
  expect(await account.submit()).toMatchObject({ kind: "accepted" });
});

test("an id that was accepted before has its first answer, though the limit is used up", async () => {
  await using account = await withLimits("repeats", { perHour: 1, behavior: "reject" });
  const first = await account.submit({ id: "m" });
  await account.send(1);
  expect(await account.submit({ id: "m" })).toMatchObject({ duplicate: true, uid: (first as { uid: string }).uid });
  expect(await account.submit({ id: "n" })).toMatchObject({ code: "rate_limited" });
});

test("mail that is scheduled for after the window is accepted within it", async () => {
  await using account = await withLimits("plans", { perHour: 1, behavior: "reject" });
  await account.send(1);
  const inMinutes = (minutes: number) => new Date(Date.now() + minutes * 60_000);
  expect(await account.submit({ sendAt: inMinutes(10) })).toMatchObject({ code: "rate_limited" });
  expect(await account.submit({ sendAt: inMinutes(61) })).toMatchObject({ kind: "accepted" });
});

test("a recipient domain's limit refuses mail for that domain alone", async () => {
  await using account = await withLimits("domains", { perDomain: { "*": { perMinute: 1 } }, behavior: "reject" });
  await account.send(1, "example.org");
  expect(await account.submit()).toMatchObject({ code: "rate_limited" });
  expect(await account.submit({}, "bob@example.net")).toMatchObject({ kind: "accepted" });
});
