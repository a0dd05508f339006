/** Bounces and the like: recorded with the delivery that they are about, and never answered. */
import { type Sign, verpAddress } from "@mailfleet/mail";
import { accept, prepare } from "@mailfleet/store";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type AnswerRig, letter, openAnswerRig } from "./testing/answer-rig.ts";

let rig: AnswerRig;
beforeAll(async () => {
  rig = await openAnswerRig();
});
afterAll(() => rig[Symbol.asyncDispose]());

/** A delivery of ours, and the reverse-path that names it. */
async function delivery(tenantId: string): Promise<{ readonly uid: string; readonly verp: string }> {
  const [accepted] = await accept(rig.store.db, [
    prepare({
      tenantId,
      origin: "tenant",
      digest: new Uint8Array(32),
      envelope: {
        reversePath: "us@acme.test",
        recipients: [{ address: "ann@peer.test" }],
        smtpUtf8: false,
        eightBit: false,
      },
      messageId: "<1@acme.test>",
      content: Buffer.from("Subject: hello\r\n\r\nhello\r\n"),
      priority: "medium",
      inDoubt: "hold",
      via: "http",
    }),
  ]);
  if (accepted?.kind !== "accepted") throw new Error(accepted?.code);
  const uid = accepted.deliveries[0]?.uid ?? "";
  return { uid, verp: verpAddress(uid, "bounces.acme.test", rig.store.signers[0] as Sign) };
}

const bounceTo = (verp: string, returned: readonly string[] = []) =>
  [
    "Return-Path: <>",
    "From: MAILER-DAEMON@mx.peer.test",
    `To: ${verp}`,
    "Subject: Undelivered Mail Returned to Sender",
    "MIME-Version: 1.0",
    'Content-Type: multipart/report; report-type=delivery-status; boundary="b"',
    "",
    "--b",
    "",
    "It could not be delivered.",
    "--b",
    "Content-Type: message/delivery-status",
    "",
    "Reporting-MTA: dns; mx.peer.test",
    "",
    "Final-Recipient: rfc822; ann@peer.test",
    "Action: failed",
    "Status: 5.1.1",
    "Diagnostic-Code: smtp; 550 5.1.1 user unknown",
    ...returned,
    "--b--",
    "",
  ].join("\r\n");

test("in a mailbox for bounces a report finds its delivery, a forged one nothing, and a letter is none", async () => {
  const mailbox = await rig.mailbox("bounces", { settings: { role: "bounces" } });
  const { uid, verp } = await delivery("bounces");
  const real = await mailbox.arrive(bounceTo(verp));
  const forged = await mailbox.arrive(bounceTo(verp.replace(/-\w/, (found) => (found === "-a" ? "-b" : "-a"))));
  const person = await mailbox.arrive(letter());
  await rig.answerAll();
  expect(await rig.story("bounces", real)).toMatchObject({
    state: "skipped",
    reason: "bounce_recorded",
    detail: `delivery_status for ${uid}: suppressed`,
  });
  expect(await rig.story("bounces", forged)).toMatchObject({ state: "skipped", reason: "bounce_unmatched" });
  expect(await rig.story("bounces", person)).toMatchObject({ state: "skipped", reason: "not_a_report" });
  expect((await rig.store.deliveries.get("bounces", uid))?.reports).toMatchObject([{ kind: "bounce", hard: true }]);
});

test("in a mailbox that answers a report is recorded whoever may write to it, and is not answered", async () => {
  const settings = { allowedSenders: ["@friends.test"], filters: { subject: "[support]" } };
  const mailbox = await rig.mailbox("answers", { settings });
  const { uid, verp } = await delivery("answers");
  const real = await mailbox.arrive(bounceTo(verp));
  await rig.answerAll();
  expect(await rig.story("answers", real)).toMatchObject({
    state: "skipped",
    reason: "delivery_report",
    detail: `delivery_status for ${uid}: suppressed`,
    answer: null,
  });
  expect((await rig.store.deliveries.get("answers", uid))?.reports).toHaveLength(1);
});

test("what a stranger makes up of a Message-ID and a recipient suppresses nobody where it is answered", async () => {
  const returned = ["--b", "Content-Type: text/rfc822-headers", "", "Message-ID: <1@acme.test>", ""];
  for (const [tenantId, settings, effect] of [
    ["stranger", {}, "noted"],
    ["reports", { role: "bounces" }, "suppressed"],
  ] as const) {
    const mailbox = await rig.mailbox(tenantId, { settings });
    const { uid } = await delivery(tenantId);
    const sent = "update mailfleet.deliveries set state = 'sent', ended_at = now() where uid = $1";
    await rig.store.db.query(sent, [uid]);
    const report = await mailbox.arrive(bounceTo("us@acme.test", returned));
    await rig.answerAll();
    const story = await rig.story(tenantId, report);
    expect(story).toMatchObject({ state: "skipped", detail: `delivery_status for ${uid}: ${effect}` });
    const suppression = await rig.store.suppressions.get(tenantId, "ann@peer.test");
    expect(suppression === undefined).toBe(effect === "noted");
  }
});

test("a person who passes a bounce on is answered, and it counts for nothing", async () => {
  const mailbox = await rig.mailbox("passed");
  const { uid, verp } = await delivery("passed");
  const person = await mailbox.arrive(letter({}, `Look what I got:\r\n\r\n${bounceTo(verp)}`));
  await rig.answerAll();
  expect(await rig.story("passed", person)).toMatchObject({ state: "answered" });
  expect((await rig.store.deliveries.get("passed", uid))?.reports).toEqual([]);
});
