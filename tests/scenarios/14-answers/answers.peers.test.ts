import { type PrivateDovecot, privateDovecot } from "@mailfleet/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { letterTo } from "../../fleet/letters-to.ts";
import { type OneProcessFleet, startOneProcessFleet } from "../../fleet/one-process-fleet.ts";
import { until } from "../../fleet/until.ts";
import { mailboxOn, reachesState, stories, watch } from "../../fleet/watched-mailbox.ts";

const help = "help@example.org";
const ann = "ann@example.net";
let dovecot: PrivateDovecot;
let fleet: OneProcessFleet;

beforeAll(async () => {
  dovecot = await privateDovecot([help, ann, "sales@example.org", "moved@example.org"]);
  fleet = await startOneProcessFleet();
  // The account's next hop is where the senders' mailboxes are.
  await fleet.tenant("acme", { port: dovecot.lmtpPort, lmtp: true });
  await fleet.startSender();
  await fleet.startWatcher();
  await fleet.startAnswerer();
}, 60_000);
afterAll(async () => {
  await fleet?.[Symbol.asyncDispose]();
  await dovecot?.[Symbol.asyncDispose]();
});

test("mail that arrives in a watched mailbox is answered, and the answer lands threaded in the sender's mailbox", async () => {
  await watch(fleet, "acme", "help", mailboxOn(dovecot, help, {}, { appendTo: "\\Sent" }));
  const page = (await fleet.ask("GET", "/v1/mailboxes/help", "acme")).body;
  expect(page).toMatchObject({ following: "idle", acceptsFrom: "everyone", waiting: 0 });
  expect(page.capabilities).toContain("IDLE");

  const question = letterTo(help, { messageId: "<question-1@example.net>" });
  await dovecot.deliver(help, question, { reversePath: ann });
  const [answer = ""] = await until("Ann has an answer", async () => {
    const mail = await dovecot.inbox(ann);
    return mail.length > 0 && mail;
  });
  expect(answer).toMatch(/^In-Reply-To: <question-1@example\.net>\r?$/m);
  expect(answer).toMatch(/^References: <question-1@example\.net>\r?$/m);
  expect(answer).toMatch(/^Auto-Submitted: auto-replied\r?$/m);
  expect(answer).toMatch(/^Subject: Re: A question\r?$/m);
  expect(answer).toMatch(/^Return-Path: <>/m);
  expect(answer).toContain("Hello Ann, we will look into it.");
  expect(answer).toContain("> Where is my parcel?");

  const id = (await stories(fleet, "acme", 1))[0]?.id;
  const story = await until("its actions are done and its delivery is sent", async () => {
    const { body } = await fleet.ask("GET", `/v1/inbound/${id}`, "acme");
    const isDone = body.actions.every(({ doneAt }: { doneAt: string | null }) => doneAt !== null);
    return isDone && body.answer?.deliveries[0]?.state === "sent" && body;
  });
  expect(story).toMatchObject({
    state: "answered",
    correspondent: ann,
    answer: { answerer: "template", state: "done" },
  });
  expect((await dovecot.messages(help, "INBOX")).map(({ flags }) => flags)).toEqual([
    expect.arrayContaining(["\\Answered"]),
  ]);
  expect(await dovecot.messages(help, "Sent")).toHaveLength(1);
});

test("an answer that comes back, a bounce, a list's mail and a robot's are not answered", async () => {
  const before = (await stories(fleet, "acme", 1)).length;
  const robots: readonly (readonly [string, readonly string[]])[] = [
    ["auto_submitted", ["Auto-Submitted: auto-replied"]],
    ["list_mail", ["List-Id: <people.example.net>"]],
    ["precedence_bulk", ["Precedence: bulk"]],
  ];
  for (const [subject, header] of robots) {
    await dovecot.deliver(help, letterTo(help, { subject, header }), { reversePath: ann });
  }
  await dovecot.deliver(help, letterTo(help, { subject: "null_reverse_path" }), { reversePath: "" });
  const all = await stories(fleet, "acme", before + 4);
  for (const { subject, state, reason } of all.slice(0, 4)) expect([state, reason]).toEqual(["skipped", subject]);
  expect(await dovecot.inbox(ann)).toHaveLength(1);
});

test("a message moved out and back, and a folder that is renumbered, are not answered again", async () => {
  const before = (await stories(fleet, "acme", 5)).length;
  await dovecot.move(help, "INBOX", "Archive", "1");
  await dovecot.move(help, "Archive", "INBOX", "1");
  await until("it is seen where it lies now", async () => {
    const { body } = await fleet.ask("GET", "/v1/inbound?limit=200", "acme");
    return body.items.some((item: { place: { uid: number } }) => item.place.uid > before);
  });
  await dovecot.resetUidValidity(help, "INBOX");
  await dovecot.restart();
  await dovecot.deliver(help, letterTo(help, { subject: "after the reset", from: "Bob <sales@example.org>" }), {
    reversePath: "sales@example.org",
  });
  const all = await stories(fleet, "acme", before + 1, undefined, 40_000);
  expect(all[0]).toMatchObject({ subject: "after the reset", state: "answered" });
  expect(await dovecot.inbox(ann)).toHaveLength(1);
}, 60_000);

test("what arrived while nobody watched is found, and a person who was faster wins", async () => {
  await watch(fleet, "acme", "moved", mailboxOn(dovecot, "moved@example.org"));
  const before = (await fleet.ask("GET", "/v1/inbound?limit=200", "acme")).body.items.length;
  await dovecot.stop();
  await reachesState(fleet, "acme", "moved", "unreachable");
  await dovecot.start();
  const user = "moved@example.org";
  await dovecot.deliver(user, letterTo(user, { subject: "unseen", from: "Bob <sales@example.org>" }));
  await reachesState(fleet, "acme", "moved", "following");
  const [newest] = await stories(fleet, "acme", before + 1, undefined, 40_000);
  expect(newest).toMatchObject({ subject: "unseen", state: "answered" });
}, 90_000);

test("a draft waits for a person, goes out as edited, and once", async () => {
  const sales = "sales@example.org";
  await watch(fleet, "acme", "sales", mailboxOn(dovecot, sales, {}, { mode: "approve" }));
  const before = (await fleet.ask("GET", "/v1/inbound?limit=200", "acme")).body.items.length;
  await dovecot.deliver(sales, letterTo(sales, { subject: "an offer?" }), { reversePath: ann });
  const ends = ["answered", "skipped", "awaiting_approval"];
  const waiting = (await stories(fleet, "acme", before + 1, ends))[0];
  expect(waiting?.state).toBe("awaiting_approval");
  const id = waiting?.id;
  const { body } = await fleet.ask("GET", `/v1/inbound/${id}`, "acme");
  expect(body.draft).toMatchObject({ to: ann, text: expect.stringContaining("Hello Ann") });
  const had = (await dovecot.inbox(ann)).length;
  expect((await fleet.ask("POST", `/v1/inbound/${id}/approve`, "acme", { text: "A person's own words." })).status).toBe(
    202,
  );
  const mail = await until("the answer is there", async () => {
    const all = await dovecot.inbox(ann);
    return all.length > had && all;
  });
  expect(mail.some((one) => one.includes("A person's own words."))).toBe(true);
  expect((await fleet.ask("POST", `/v1/inbound/${id}/approve`, "acme", {})).status).toBe(409);
});

test("verify logs in and says what the server can do, and try says what would become of a message", async () => {
  const verified = await fleet.ask("POST", "/v1/mailboxes/help/verify", "acme");
  expect(verified.body).toMatchObject({ ok: true });
  const wrong = mailboxOn(dovecot, help, { folder: "Wrong", auth: { user: help, pass: "wrong" } });
  await fleet.ask("PUT", "/v1/mailboxes/wrong", "acme", wrong);
  expect((await fleet.ask("POST", "/v1/mailboxes/wrong/verify", "acme")).body).toMatchObject({ ok: false });
  await reachesState(fleet, "acme", "wrong", "quarantined");

  const content = Buffer.from(letterTo(help)).toString("base64");
  const tried = await fleet.ask("POST", "/v1/mailboxes/help/try", "acme", { content });
  expect(tried.body).toMatchObject({ decision: "answer", draft: { to: ann } });
  const automatic = Buffer.from(letterTo(help, { header: ["Auto-Submitted: auto-replied"] })).toString("base64");
  const skipped = await fleet.ask("POST", "/v1/mailboxes/help/try", "acme", { content: automatic });
  expect(skipped.body).toMatchObject({ decision: "skip", reason: "auto_submitted" });
});
