import { randomBytes } from "node:crypto";
import { type FakeImap, fakeImap, type MisbehavingHop, startMisbehavingHop } from "@mailfleet/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTenantService, type TenantService } from "../../../apps/answer-worker/src/testing/tenant-service.ts";
import { letterTo } from "../../fleet/letters-to.ts";
import { type OneProcessFleet, startOneProcessFleet } from "../../fleet/one-process-fleet.ts";
import { until } from "../../fleet/until.ts";
import { mailboxOn, storiesIn, watch } from "../../fleet/watched-mailbox.ts";

const users = Array.from({ length: 8 }, (_, n) => `hook-${n}@example.org`);
let server: FakeImap;
let hop: MisbehavingHop;
let fleet: OneProcessFleet;
let service: TenantService;
let taken = 0;

beforeAll(async () => {
  server = await fakeImap({ users });
  hop = await startMisbehavingHop();
  service = await startTenantService();
  fleet = await startOneProcessFleet();
  await fleet.tenant("acme", { port: hop.port });
  await fleet.startSender();
  await fleet.startWatcher();
  await fleet.startAnswerer();
});
afterAll(async () => {
  await fleet?.[Symbol.asyncDispose]();
  await service?.[Symbol.asyncDispose]();
  await hop?.[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
});

const webhook = () => ({ url: service.url, secret: `whsec_${randomBytes(32).toString("base64")}`, timeout: "5s" });

/** A mailbox that asks the service; the id, and how a letter comes into it whose sender is who it says it is. */
async function asked(answer: object = {}) {
  const user = users[taken++] ?? "";
  const id = user.replace(/@.*/, "");
  const place = { host: server.host, imapPort: server.port, password: server.password };
  const settings = mailboxOn(place, user, { recordsReturnPath: false, authservIds: ["mx.example.org"] }, answer);
  await watch(fleet, "acme", id, {
    ...settings,
    answer: { ...settings.answer, template: undefined, webhook: webhook(), ...answer },
  });
  const arrives = (changes: Parameters<typeof letterTo>[1] = {}) => {
    const trace = ["Authentication-Results: mx.example.org; dkim=pass header.d=example.net"];
    server.append(letterTo(user, { from: `Ann <ann@example.net>`, trace, ...changes }), { user });
  };
  return { id, user, arrives };
}

const endOf = async (id: string) => {
  const [story] = await storiesIn(fleet, "acme", id, 1);
  return [story?.state, story?.reason, story?.detail];
};

test("what a webhook says is answered; what it declines is not, with its reason", async () => {
  const [answered, declined] = [await asked(), await asked()];
  service.says({ action: "answer", text: "It comes <tomorrow>.", html: "<p>It comes <b>tomorrow</b>.</p>" });
  answered.arrives();
  expect(await endOf(answered.id)).toEqual(["answered", null, null]);
  const [mail] = await hop.kept(1);
  expect(mail?.recipients).toEqual(["ann@example.net"]);
  expect(String(mail?.content)).toContain("It comes <tomorrow>.");
  service.says({ action: "decline", reason: "a person will write" });
  declined.arrives();
  expect(await endOf(declined.id)).toEqual(["skipped", "declined", "a person will write"]);
});

test("a webhook that asks for time is asked again, about the same message, until it decides", async () => {
  const { id, arrives } = await asked();
  const before = service.told.length;
  service.says({ action: "later", after: "1s" }, { action: "later", after: "1s" }, { action: "answer", text: "Now." });
  arrives();
  expect(await endOf(id)).toEqual(["answered", null, null]);
  const calls = service.told.slice(before);
  expect(new Set(calls.map((call) => call.id)).size).toBe(1);
  expect(calls).toHaveLength(3);
});

test("a webhook that asks for a person has it forwarded whole, moved, and called out", async () => {
  const { id, user, arrives } = await asked({
    escalate: { forwardTo: "boss@example.com", moveTo: "People", url: service.url },
  });
  const before = hop.messages.length;
  const toldBefore = service.told.length;
  service.says({ action: "escalate", note: "angry" }, { action: "noted" });
  arrives({ subject: "I am angry", text: "Where is it?" });
  expect(await endOf(id)).toEqual(["skipped", "escalated", "angry"]);
  const forwarded = (await hop.kept(before + 1))[before];
  expect(forwarded?.recipients).toEqual(["boss@example.com"]);
  expect(String(forwarded?.content)).toContain("Content-Type: message/rfc822");
  expect(service.told.slice(toldBefore).map(({ type }) => type)).toEqual(["inbound.received", "inbound.escalated"]);
  await until("it is moved", () => server.folder("INBOX", user).messages.length === 0);
  expect(server.folder("People", user).messages).toHaveLength(1);
});

test("who cannot show where a message comes from gets no answer that somebody wrote for the sender", async () => {
  const { id, arrives } = await asked();
  const before = service.told.length;
  arrives({ subject: "no results", trace: [] });
  arrives({
    subject: "another server's",
    trace: ["Authentication-Results: mx.evil.test; dkim=pass header.d=example.net"],
  });
  arrives({ subject: "not aligned", trace: ["Authentication-Results: mx.example.org; dkim=pass header.d=evil.test"] });
  arrives({
    subject: "brought along",
    trace: [],
    header: ["Authentication-Results: mx.example.org; dkim=pass header.d=example.net"],
  });
  const all = await storiesIn(fleet, "acme", id, 4);
  expect(all.map(({ reason }) => reason)).toEqual(Array(4).fill("not_authenticated"));
  expect(service.told).toHaveLength(before);
});

test("a service that is silent, or talks nonsense, keeps no other mailbox waiting", async () => {
  const [silent, lively] = [await asked({ maxTries: 1 }), await asked({ maxTries: 1 })];
  const before = service.told.length;
  const never = Promise.withResolvers<object>();
  service.says(
    never.promise,
    { action: "answer", text: "Here.", to: "mallory@evil.test" },
    { action: "answer", text: "Here." },
  );
  silent.arrives();
  await until("it was asked", () => service.told.length > before);
  lively.arrives({ subject: "nonsense" });
  expect(await endOf(lively.id)).toEqual(["failed", "webhook_bad_response", expect.stringContaining("to")]);
  lively.arrives({ subject: "fine" });
  const [fine] = await storiesIn(fleet, "acme", lively.id, 2);
  expect(fine?.state).toBe("answered");
  expect(await endOf(silent.id)).toEqual(["failed", "webhook_timeout", expect.any(String)]);
  never.resolve({});
});

test("a kill switch that is set while a webhook thinks holds its answer, and asks nobody twice", async () => {
  const { id, arrives } = await asked();
  const before = service.told.length;
  const sentBefore = hop.messages.length;
  const thought = Promise.withResolvers<object>();
  service.says(thought.promise);
  arrives();
  await until("it is asked", () => service.told.length > before);
  expect((await fleet.ask("POST", `/v1/mailboxes/${id}/stop-answering`, "acme")).status).toBe(200);
  thought.resolve({ action: "answer", text: "Too late, for now." });
  await storiesIn(fleet, "acme", id, 1, ["pending"]);
  expect(hop.messages).toHaveLength(sentBefore);
  expect((await fleet.ask("POST", `/v1/mailboxes/${id}/start-answering`, "acme")).status).toBe(200);
  expect(await endOf(id)).toEqual(["answered", null, null]);
  expect(service.told).toHaveLength(before + 1);
});
