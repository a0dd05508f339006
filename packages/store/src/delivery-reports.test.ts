import { envelopeIdOf, newId, type Report, type ReportedRecipient, verpAddress } from "@mailfleet/mail";
import { afterAll, beforeAll, expect, test } from "vitest";
import { softBounceLimits } from "./delivery-reports.ts";
import { openRig, type Rig } from "./testing/rig.ts";

let rig: Rig;
beforeAll(async () => {
  rig = await openRig();
});
afterAll(() => rig[Symbol.asyncDispose]());

const sign = (text: string) => (rig.store.signers[0] as (text: string) => Buffer)(text);
const verpOf = (uid: string) => verpAddress(uid, "bounces.example.com", sign);

/** A delivery that was sent, of a message with this Message-ID. */
async function sent(tenantId: string, to = "ann@example.org", messageId = "<1@example.com>"): Promise<string> {
  const accountUid = await rig.account(tenantId);
  const { deliveries } = await rig.submit(tenantId, { to: [to], messageId });
  const [uid] = await rig.claim(accountUid);
  await rig.promote(uid as string);
  await rig.record(uid as string, { tenantId, next: { kind: "done" } });
  return deliveries[0]?.uid as string;
}

const hard: ReportedRecipient = {
  addresses: ["ann@example.org"],
  action: "failed",
  status: "5.1.1",
  diagnostic: "550 5.1.1 user unknown",
  permanence: "hard",
};
const soft: ReportedRecipient = { ...hard, status: "5.2.2", diagnostic: "552 5.2.2 full", permanence: "soft" };

const bounce = (traces: Partial<Report>, ...recipients: readonly ReportedRecipient[]): Report =>
  ({ kind: "delivery_status", format: "dsn", reversePaths: [], messageIds: [], ...traces, recipients }) as Report;
const complaint = (traces: Partial<Report>, feedbackType = "abuse"): Report =>
  ({
    kind: "feedback",
    format: "arf",
    feedbackType,
    isComplaint: feedbackType === "abuse",
    addresses: ["ann@example.org"],
    reversePaths: [],
    messageIds: [],
    ...traces,
  }) as Report;

const recordIn = (isForReports: boolean, tenantId: string, report: Report, inboundUid = newId()) =>
  rig.store.db.transaction((tx) =>
    rig.store.deliveryReports.record(tx, { tenantId, inboundUid, isForReports, report }),
  );
const record = (tenantId: string, report: Report, inboundUid?: string) => recordIn(true, tenantId, report, inboundUid);
const ageByADay = (tenantId: string) =>
  rig.store.db.query("update mailfleet.delivery_reports set at = at - interval '1 day' where tenant_id = $1", [
    tenantId,
  ]);
const suppressionOf = (tenantId: string, address = "ann@example.org") => rig.store.suppressions.get(tenantId, address);
const reportsOn = async (tenantId: string, uid: string) => (await rig.store.deliveries.get(tenantId, uid))?.reports;

test("a hard bounce to a signed reverse-path suppresses the recipient, and is shown with its delivery", async () => {
  const uid = await sent("hard", "Ann@example.org");
  const inbound = newId();
  const report = bounce({ reversePaths: [verpOf(uid)] }, hard);
  const matched = { kind: "matched", deliveryUid: uid, effect: "suppressed" };
  expect(await record("hard", report, inbound)).toMatchObject(matched);
  expect(await suppressionOf("hard")).toMatchObject({ reason: "hard_bounce", note: "5.1.1 550 5.1.1 user unknown" });
  expect(await reportsOn("hard", uid)).toMatchObject([
    { kind: "bounce", hard: true, status: "5.1.1", recipient: "ann@example.org", inbound },
  ]);

  // The next one is not offered.
  const accountUid = await rig.account("hard");
  await rig.submit("hard", { to: ["ann@example.org"] });
  const [next] = await rig.claim(accountUid);
  expect(await rig.promote(next as string)).toBe("suppressed");

  // Once the tenant has lifted it, the same inbound message does not bring it back.
  await rig.store.suppressions.delete("hard", "ann@example.org");
  expect(await record("hard", report, inbound)).toMatchObject(matched);
  expect(await suppressionOf("hard")).toBeUndefined();
  expect(await reportsOn("hard", uid)).toHaveLength(1);
});

test("an envelope id of ours finds the delivery, whatever else the report says", async () => {
  const uid = await sent("envid");
  const report = bounce({ envelopeId: envelopeIdOf(uid, sign), messageIds: ["<other@example.com>"] }, hard);
  expect(await record("envid", report)).toMatchObject({ deliveryUid: uid, effect: "suppressed" });
});

test("forged names, other tenants' deliveries and ones that are gone change nothing", async () => {
  const theirs = await sent("theirs");
  await sent("forged");
  const ids = { messageIds: ["<1@example.com>"] };
  const forger = (text: string) => Buffer.from(`forged${text}`);
  const forged = bounce({ reversePaths: [verpAddress(theirs, "bounces.example.com", forger)] }, hard);
  expect(await record("forged", forged)).toEqual({ kind: "unmatched" });
  // A signature that is ours and a delivery that is not: no other evidence is looked at.
  expect(await record("forged", bounce({ reversePaths: [verpOf(theirs)], ...ids }, hard))).toEqual({
    kind: "unmatched",
  });
  expect(await record("forged", bounce({ reversePaths: [verpOf(newId())] }, hard))).toEqual({ kind: "unmatched" });
  for (const tenant of ["forged", "theirs"]) expect(await suppressionOf(tenant)).toBeUndefined();
  expect(await reportsOn("theirs", theirs)).toEqual([]);
  expect(await reportsOn("forged", theirs)).toBeUndefined();
});

test("a Message-ID finds a delivery only together with its recipient, in any spelling, once it has ended", async () => {
  const id = "<by-id@example.com>";
  const uid = await sent("ids", "Ann@example.org", id);
  const traces = { messageIds: ["<unknown@example.com>", id] };
  const toBob = { ...hard, addresses: ["bob@example.org"] };
  expect(await record("ids", bounce({ messageIds: ["<unknown@example.com>"] }, hard))).toEqual({ kind: "unmatched" });
  expect(await record("ids", bounce(traces, toBob))).toEqual({ kind: "unmatched" });
  expect(await record("ids", bounce(traces, { ...hard, addresses: [] }))).toEqual({ kind: "unmatched" });
  const spelled = { ...hard, addresses: ["bob@example.org", "ANN@EXAMPLE.org"] };
  expect(await record("ids", bounce(traces, toBob, spelled))).toMatchObject({ deliveryUid: uid, effect: "suppressed" });

  await rig.submit("ids", { to: ["carol@example.org"], messageId: id });
  const waiting = { ...hard, addresses: ["carol@example.org"] };
  expect(await record("ids", bounce(traces, waiting))).toEqual({ kind: "unmatched" });

  await rig.store.db.query("update mailfleet.deliveries set ended_at = now() - interval '31 days' where uid = $1", [
    uid,
  ]);
  expect(await record("ids", bounce(traces, spelled))).toEqual({ kind: "unmatched" });
});

test("one report may be about several deliveries", async () => {
  const id = "<several@example.com>";
  const ann = await sent("several", "ann@example.org", id);
  const bob = await sent("several", "bob@example.org", id);
  const report = bounce({ messageIds: [id] }, { ...soft, addresses: ["bob@example.org"] }, hard);
  expect(await record("several", report)).toMatchObject({
    kind: "matched",
    deliveryUid: ann,
    effect: "suppressed",
    all: expect.arrayContaining([
      { deliveryUid: ann, effect: "suppressed" },
      { deliveryUid: bob, effect: "counted" },
    ]),
  });
  expect(await suppressionOf("several", "bob@example.org")).toBeUndefined();
});

const unsigned = { messageIds: ["<1@example.com>"] };
const verp = { bounces: { mode: "verp", domain: "bounces.example.com" } } as const;
const gone = async () => {
  await rig.store.db.query("delete from mailfleet.accounts where tenant_id = 'gone'");
};

test.each([
  ["where reverse-paths are signed", "verp", true, (tenant: string) => rig.account(tenant, "main", verp)],
  ["in a mailbox that answers", "answers", false, () => undefined],
  ["once its account is gone", "gone", true, gone],
])(
  "%s, a report without a signature is noted, and never adds up to more",
  async (_where, tenant, isForReports, then) => {
    const uid = await sent(tenant);
    await then(tenant);
    for (let day = 0; day <= softBounceLimits.toleratedDays; day++) {
      for (const report of [bounce(unsigned, hard), bounce(unsigned, soft), complaint(unsigned)]) {
        expect(await recordIn(isForReports, tenant, report)).toMatchObject({ deliveryUid: uid, effect: "noted" });
      }
      await ageByADay(tenant);
    }
    expect(await suppressionOf(tenant)).toBeUndefined();
    // What it is worth with a signature is the same everywhere.
    const signed = complaint({ ...unsigned, reversePaths: [verpOf(uid)] });
    expect(await recordIn(isForReports, tenant, signed)).toMatchObject({ deliveryUid: uid, effect: "suppressed" });
  },
);

test("where nothing is signed, what comes into a mailbox for reports counts without", async () => {
  await sent("plain");
  expect(await record("plain", bounce(unsigned, hard))).toMatchObject({ effect: "suppressed" });
  expect(await suppressionOf("plain")).toMatchObject({ reason: "hard_bounce" });
});

test("what a fellow recipient could have invented is only counted", async () => {
  const accountUid = await rig.account("shared");
  await rig.submit("shared", { to: ["ann@example.org", "bob@example.org"], messageId: "<both@example.com>" });
  for (const uid of await rig.claim(accountUid)) {
    await rig.promote(uid);
    await rig.record(uid, { tenantId: "shared", next: { kind: "done" } });
  }
  const traces = { messageIds: ["<both@example.com>"] };
  for (const report of [bounce(traces, hard), complaint(traces)]) {
    expect(await record("shared", report)).toMatchObject({ kind: "matched", effect: "counted" });
  }
  expect(await suppressionOf("shared")).toBeUndefined();
});

test("soft bounces count once a day, and suppress on more days than are tolerated", async () => {
  const uid = await sent("soft");
  const report = bounce({ reversePaths: [verpOf(uid)] }, soft);
  for (let day = 0; day < softBounceLimits.toleratedDays; day++) {
    for (let n = 0; n < 3; n++) expect(await record("soft", report)).toMatchObject({ effect: "counted" });
    expect(await suppressionOf("soft")).toBeUndefined();
    await ageByADay("soft");
  }
  expect(await record("soft", report)).toMatchObject({ effect: "suppressed" });
  expect(await suppressionOf("soft")).toMatchObject({ reason: "soft_bounces" });
});

test("soft bounces of long ago do not count", async () => {
  const uid = await sent("stale");
  const report = bounce({ reversePaths: [verpOf(uid)] }, soft);
  for (let day = 0; day <= softBounceLimits.toleratedDays; day++) {
    expect(await record("stale", report)).toMatchObject({ effect: "counted" });
    await rig.store.db.query(
      "update mailfleet.delivery_reports set at = at - make_interval(days => $1) where tenant_id = 'stale'",
      [softBounceLimits.windowDays],
    );
  }
});

test("a complaint suppresses; other feedback, delays, successes and automatic replies are noted", async () => {
  const uid = await sent("kinds");
  const traces = { reversePaths: [verpOf(uid)] };
  const rows: readonly (readonly [Report, string, string])[] = [
    [bounce(traces, { ...soft, action: "delayed" }), "noted", "delay"],
    [bounce(traces, { addresses: ["ann@example.org"], action: "relayed", status: "2.1.9" }), "noted", "delivered"],
    [bounce(traces), "noted", "unclear"],
    [complaint(traces, "not-spam"), "noted", "feedback"],
    [{ kind: "auto_reply", format: "auto_reply", messageIds: [], ...traces }, "noted", "auto_reply"],
    [
      { kind: "disposition", format: "mdn", disposition: "displayed", addresses: [], messageIds: [], ...traces },
      "noted",
      "disposition",
    ],
  ];
  for (const [report, effect] of rows) expect(await record("kinds", report)).toMatchObject({ effect });
  expect(await suppressionOf("kinds")).toBeUndefined();
  expect(await record("kinds", complaint(traces))).toMatchObject({ effect: "suppressed" });
  expect(await suppressionOf("kinds")).toMatchObject({ reason: "complaint" });
  expect((await reportsOn("kinds", uid))?.map(({ kind }) => kind)).toEqual([
    ...rows.map(([, , kind]) => kind),
    "complaint",
  ]);
});

test("a stronger reason replaces a weaker one, and never a person's", async () => {
  const uid = await sent("reasons");
  const { suppressions } = rig.store;
  const traces = { reversePaths: [verpOf(uid)] };
  await suppressions.put("reasons", { address: "ann@example.org", reason: "unsubscribe" });
  await record("reasons", bounce(traces, hard));
  expect(await suppressionOf("reasons")).toMatchObject({ reason: "unsubscribe" });
  await suppressions.delete("reasons", "ann@example.org");
  await record("reasons", bounce(traces, hard));
  await record("reasons", complaint(traces));
  expect(await suppressionOf("reasons")).toMatchObject({ reason: "complaint" });
  await record("reasons", bounce(traces, hard));
  expect(await suppressionOf("reasons")).toMatchObject({ reason: "complaint" });
});

test("an alias bounces hard only where none of its members got it, and its own address is what is suppressed", async () => {
  const uid = await sent("alias", "team@example.org");
  const traces = { reversePaths: [verpOf(uid)] };
  const gone = { ...hard, addresses: ["gone@elsewhere.example"] };
  const here: ReportedRecipient = { addresses: ["here@elsewhere.example"], action: "delivered", status: "2.0.0" };
  expect(await record("alias", bounce(traces, gone, here))).toMatchObject({ effect: "noted" });
  expect(await record("alias", bounce(traces, gone))).toMatchObject({ effect: "suppressed" });
  expect(await suppressionOf("alias", "team@example.org")).toBeDefined();
  expect(await suppressionOf("alias", "gone@elsewhere.example")).toBeUndefined();
});

test("the same report at once is recorded once", async () => {
  const uid = await sent("twice");
  const inbound = newId();
  const report = bounce({ reversePaths: [verpOf(uid)] }, soft);
  const results = await Promise.all([1, 2, 3].map(() => record("twice", report, inbound)));
  expect(results.every((one) => one.kind === "matched" && one.effect === "counted")).toBe(true);
  expect(await reportsOn("twice", uid)).toHaveLength(1);
});

test("a Message-ID is looked for among the recipient's deliveries, and reads none of the tenant's others", async () => {
  const plan = await rig.store.db.transaction(async (tx) => {
    await tx.query("set local enable_seqscan = off");
    const rows = await tx.query<{ "QUERY PLAN": string }>(
      `explain select from mailfleet.deliveries d
       where (d.recipient = any ($2) or d.recipient_key = any ($2)) and d.tenant_id || '' = $1
         and d.uid >= mailfleet.uuid_floor(now() - interval '45 days')`,
      ["plan", ["ann@example.org"]],
    );
    return rows.map((row) => row["QUERY PLAN"]).join("\n");
  });
  expect(plan).toMatch(/recipient_idx/);
  expect(plan).toMatch(/recipient_key_idx/);
  expect(plan).not.toMatch(/Seq Scan|pkey/);
});
