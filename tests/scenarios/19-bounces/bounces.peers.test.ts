import { type MisbehavingHop, type PrivateDovecot, privateDovecot, startMisbehavingHop } from "@mailfleet/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { letterTo } from "../../fleet/letters-to.ts";
import { type OneProcessFleet, startOneProcessFleet } from "../../fleet/one-process-fleet.ts";
import { until } from "../../fleet/until.ts";
import { mailboxOn, storiesIn, watch } from "../../fleet/watched-mailbox.ts";

const tenants = ["acme", "other"] as const;
const bouncesOf = (tenant: string) => `bounces@${tenant}.test`;
const help = "help@acme.test";
let dovecot: PrivateDovecot;
let hop: MisbehavingHop;
let fleet: OneProcessFleet;
/** Reports that each mailbox has got so far. */
const came = new Map<string, number>();

beforeAll(async () => {
  dovecot = await privateDovecot([...tenants.map(bouncesOf), help]);
  hop = await startMisbehavingHop();
  fleet = await startOneProcessFleet();
  for (const tenant of tenants) {
    await fleet.tenant(tenant, { port: hop.port, bounces: { mode: "verp", domain: `bounces.${tenant}.test` } });
  }
  await fleet.startSender();
  await fleet.startWatcher();
  await fleet.startAnswerer();
  for (const tenant of tenants) {
    const settings = mailboxOn(dovecot, bouncesOf(tenant), { role: "bounces" });
    await watch(fleet, tenant, "bounces", { ...settings, answer: undefined });
  }
  await watch(fleet, "acme", "help", mailboxOn(dovecot, help));
}, 60_000);
afterAll(async () => {
  await fleet?.[Symbol.asyncDispose]();
  await hop?.[Symbol.asyncDispose]();
  await dovecot?.[Symbol.asyncDispose]();
});

interface Sent {
  readonly recipient: string;
  readonly delivery: string;
  readonly reversePath: string;
  readonly messageId: string;
}

/** Sends one message and waits until its next hop has it. */
async function sent(tenant: string, recipient: string): Promise<Sent> {
  const { deliveries } = await fleet.send(tenant, { from: `news@${tenant}.test`, to: [recipient] });
  const mail = await until("it has left", () => hop.messages.find(({ recipients }) => recipients.includes(recipient)));
  const { reversePath, messageId } = mail;
  expect(reversePath).toMatch(new RegExp(`^b\\+.*@bounces\\.${tenant}\\.test$`));
  return { recipient, delivery: deliveries[0]?.id ?? "", reversePath, messageId };
}

const bounceOf = (
  { recipient, reversePath, messageId }: Sent,
  { status = "5.1.1", to = reversePath }: { readonly status?: string; readonly to?: string } = {},
) =>
  [
    "From: MAILER-DAEMON@mx.recipient.test",
    `To: ${to}`,
    "Subject: Undelivered Mail Returned to Sender",
    `Message-ID: <${Math.random()}@mx.recipient.test>`,
    `Date: ${new Date().toUTCString().replace("GMT", "+0000")}`,
    "Auto-Submitted: auto-replied",
    "MIME-Version: 1.0",
    'Content-Type: multipart/report; report-type=delivery-status; boundary="b"',
    "",
    "--b",
    "",
    "It could not be delivered.",
    "--b",
    "Content-Type: message/delivery-status",
    "",
    "Reporting-MTA: dns; mx.recipient.test",
    "",
    `Final-Recipient: rfc822; ${recipient}`,
    "Action: failed",
    `Status: ${status}`,
    `Diagnostic-Code: smtp; ${status.startsWith("5") ? 550 : 450} ${status} it is so`,
    "--b",
    "Content-Type: text/rfc822-headers",
    "",
    `Message-ID: ${messageId}`,
    "--b--",
    "",
  ].join("\r\n");

const complaintOf = (
  { recipient, reversePath, messageId }: Sent,
  { to = reversePath, mailFrom = reversePath, returnPath = reversePath } = {},
) =>
  [
    "From: <complaints@provider.test>",
    `To: ${to}`,
    "Subject: FW: hello",
    `Message-ID: <${Math.random()}@provider.test>`,
    "MIME-Version: 1.0",
    'Content-Type: multipart/report; report-type=feedback-report; boundary="b"',
    "",
    "--b",
    "Content-Type: text/plain",
    "",
    "This is an email abuse report.",
    "--b",
    "Content-Type: message/feedback-report",
    "",
    "Feedback-Type: abuse",
    "User-Agent: Provider/1.0",
    "Version: 1",
    `Original-Mail-From: <${mailFrom}>`,
    `Original-Rcpt-To: <${recipient}>`,
    "--b",
    "Content-Type: message/rfc822",
    "",
    `Return-Path: <${returnPath}>`,
    "From: news@acme.test",
    `Message-ID: ${messageId}`,
    "",
    "Hello.",
    "--b--",
    "",
  ].join("\r\n");

/** Has a report arrive in a tenant's mailbox for bounces; how it ended there. */
async function reported(tenant: string, report: string, { into = "bounces" } = {}) {
  const n = (came.get(tenant + into) ?? 0) + 1;
  came.set(tenant + into, n);
  await dovecot.deliver(into === "help" ? help : bouncesOf(tenant), report, { reversePath: "" });
  const [story] = await storiesIn(fleet, tenant, into, n);
  return story;
}

const reportsOf = async (tenant: string, delivery: string) =>
  (await fleet.ask("GET", `/v1/deliveries/${delivery}`, tenant)).body.reports;
const isSuppressed = async (tenant: string, address: string) =>
  (await fleet.ask("GET", `/v1/suppressions/${address}`, tenant)).status === 200;

test("a hard bounce is shown with its delivery, its recipient is suppressed, and the next mail stays", async () => {
  const letter = await sent("acme", "gone@recipient.test");
  expect(await reported("acme", bounceOf(letter))).toMatchObject({ state: "skipped", reason: "bounce_recorded" });
  expect(await reportsOf("acme", letter.delivery)).toMatchObject([{ kind: "bounce", hard: true, status: "5.1.1" }]);
  expect(await isSuppressed("acme", letter.recipient)).toBe(true);
  const before = hop.messages.length;
  const again = await fleet.send("acme", { to: [letter.recipient] });
  const page = async () => (await fleet.ask("GET", `/v1/deliveries/${again.deliveries[0]?.id}`, "acme")).body;
  await until("it is suppressed", async () => (await page()).state === "suppressed");
  expect(hop.messages).toHaveLength(before);
  // The other tenant's mail to the same address is its own matter.
  expect(await isSuppressed("other", letter.recipient)).toBe(false);
});

test("a complaint suppresses who complained", async () => {
  const letter = await sent("acme", "angry@recipient.test");
  expect(await reported("acme", complaintOf(letter))).toMatchObject({ reason: "bounce_recorded" });
  expect(await reportsOf("acme", letter.delivery)).toMatchObject([{ kind: "complaint" }]);
  expect((await fleet.ask("GET", `/v1/suppressions/${letter.recipient}`, "acme")).body).toMatchObject({
    reason: "complaint",
  });
});

test("a complaint is believed for the signed reverse-path of the mail that it quotes, and not without one", async () => {
  const letter = await sent("acme", "calm@recipient.test");
  const redacted = { to: "abuse@acme.test", mailFrom: "redacted@acme.test" };
  const forged = complaintOf(letter, { ...redacted, returnPath: "news@acme.test" });
  expect(await reported("acme", forged)).toMatchObject({ reason: "bounce_recorded" });
  expect(await isSuppressed("acme", letter.recipient)).toBe(false);
  await reported("acme", complaintOf(letter, redacted));
  expect(await isSuppressed("acme", letter.recipient)).toBe(true);
});

test("a soft bounce is counted, once a day however many come, and suppresses nobody", async () => {
  const letter = await sent("acme", "full@recipient.test");
  for (let n = 0; n < 6; n++) await reported("acme", bounceOf(letter, { status: "4.2.2" }));
  const reports = await reportsOf("acme", letter.delivery);
  expect(reports).toHaveLength(6);
  expect(reports[0]).toMatchObject({ kind: "bounce", hard: false });
  expect(await isSuppressed("acme", letter.recipient)).toBe(false);
});

test("a forged token, another tenant's, and none at all change nothing", async () => {
  const letter = await sent("acme", "target@recipient.test");
  const theirs = await sent("other", "theirs@recipient.test");
  const forged = letter.reversePath.replace(/-([a-z2-7])/, (_, one) => (one === "a" ? "-b" : "-a"));
  const unsigned = "news@acme.test";
  const messageId = "<unknown@acme.test>";
  for (const report of [
    bounceOf({ ...letter, messageId, reversePath: forged }),
    bounceOf(theirs),
    bounceOf({ ...letter, messageId }, { to: unsigned }),
  ]) {
    expect(await reported("acme", report)).toMatchObject({ state: "skipped", reason: "bounce_unmatched" });
  }
  // Any recipient knows the Message-ID: what shows no more than that is noted, and does nothing.
  await reported("acme", bounceOf({ ...letter, reversePath: forged }));
  await reported("acme", bounceOf(letter, { to: unsigned }));
  for (const [tenant, { recipient }] of [
    ["acme", letter],
    ["acme", theirs],
    ["other", theirs],
  ] as const) {
    expect(await isSuppressed(tenant, recipient)).toBe(false);
  }
  expect(await reportsOf("other", theirs.delivery)).toEqual([]);
});

test("a report in a mailbox that answers is recorded and not answered, and a person's mail beside it is", async () => {
  const letter = await sent("acme", "moved@recipient.test");
  const before = hop.messages.length;
  expect(await reported("acme", bounceOf(letter), { into: "help" })).toMatchObject({ state: "skipped" });
  expect(await reportsOf("acme", letter.delivery)).toMatchObject([{ kind: "bounce", hard: true }]);
  expect(await isSuppressed("acme", letter.recipient)).toBe(true);
  await dovecot.deliver(help, letterTo(help), { reversePath: "ann@example.net" });
  const [person] = await storiesIn(fleet, "acme", "help", 2);
  expect(person?.state).toBe("answered");
  expect((await hop.kept(before + 1)).slice(before).map(({ recipients }) => recipients)).toEqual([["ann@example.net"]]);
});

test("who writes to the mailbox for bounces is not answered", async () => {
  const bounces = bouncesOf("acme");
  expect(await reported("acme", letterTo(bounces))).toMatchObject({ state: "skipped", reason: "not_a_report" });
});
