/** What answerers decide, carried out: webhooks, models, and the way to a person. */
import { randomBytes } from "node:crypto";
import { noOperatorConfig } from "@mailfleet/answer";
import type { AnswerSettings, ModelSettings } from "@mailfleet/mail";
import { type ModelServer, startModelServer } from "@mailfleet/testkit";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { answerOne } from "./answer-one.ts";
import { type AnswerRig, letter, openAnswerRig, type RiggedMailbox } from "./testing/answer-rig.ts";
import { startTenantService, type TenantService } from "./testing/tenant-service.ts";

let rig: AnswerRig;
let service: TenantService;
let model: ModelServer;
beforeAll(async () => {
  rig = await openAnswerRig({ ...noOperatorConfig, allowPrivateNetworks: true });
  service = await startTenantService();
  model = await startModelServer();
});
afterAll(async () => {
  await model[Symbol.asyncDispose]();
  await service[Symbol.asyncDispose]();
  await rig[Symbol.asyncDispose]();
});
beforeEach(() => service.says({ status: 204 }));

const secrets = { webhookSecret: `whsec_${randomBytes(32).toString("base64")}`, modelKey: "key" };
const hooked = (tenantId: string, answer: Partial<AnswerSettings> = {}): Promise<RiggedMailbox> =>
  rig.mailbox(tenantId, {
    answer: { answerer: { kind: "webhook", url: service.url, timeoutMs: 5_000 }, ...answer },
    secrets,
  });
const modelled = (tenantId: string, settings: Partial<ModelSettings> = {}, answer: Partial<AnswerSettings> = {}) =>
  rig.mailbox(tenantId, {
    answer: {
      answerer: {
        kind: "model",
        url: model.url,
        model: "small",
        systemPrompt: "Be kind.",
        timeoutMs: 5_000,
        maxOutputTokens: 200,
        images: false,
        threadMessages: 5,
        tools: [],
        httpTools: [],
        linkHosts: [],
        maxSteps: 3,
        tokensPerMessage: 10_000,
        ...settings,
      },
      ...answer,
    },
    secrets,
  });
const makeDue = () => rig.store.db.query("update mailfleet.answering set due_at = now(), looked_at = now()");

test("a webhook's answer leaves, and what the person wrote was shown without the quotation", async () => {
  const mailbox = await hooked("hook");
  service.says({ action: "answer", text: "At nine." });
  const uid = await mailbox.arrive(letter({}, "When?\r\n\r\nOn Mon, 1 Mar 2026, Help wrote:\r\n> We are here."));
  await rig.answerAll();
  expect(await rig.story("hook", uid)).toMatchObject({ state: "answered", answer: { answerer: "webhook" } });
  expect(service.told.at(-1)).toMatchObject({ id: uid, data: { mailbox: "help", message: { written: "When?" } } });
  // The next message of the thread is told with both earlier ones.
  const references = `<answer-${uid}@acme.test>`;
  const first = await rig.story("hook", uid);
  await mailbox.arrive(letter({ References: `${first.messageId ?? ""} ${references}` }));
  await rig.answerAll();
  expect(service.told.at(-1)?.data.thread).toMatchObject([{ from: "us", text: "At nine." }]);
});

test("a webhook that says later is asked again then, and no try is counted; one that declines ends it", async () => {
  const mailbox = await hooked("later");
  service.says({ action: "later", after: "10m" }, { action: "decline", reason: "not ours" });
  const uid = await mailbox.arrive(letter());
  await rig.answerAll();
  expect(await rig.story("later", uid)).toMatchObject({ state: "pending", tries: 0 });
  await makeDue();
  await rig.answerAll();
  expect(await rig.story("later", uid)).toMatchObject({ state: "skipped", reason: "declined", detail: "not ours" });
});

test("a webhook that fails is tried again, later each time, and then the message fails with the reason", async () => {
  const mailbox = await hooked("fails", { maxTries: 3 });
  service.says({ status: 503, headers: { "retry-after": "3600" } }, { status: 500 });
  const uid = await mailbox.arrive(letter());
  const waits: number[] = [];
  for (let n = 0; n < 3; n++) {
    await makeDue();
    await rig.answerAll();
    const { dueAt } = await rig.story("fails", uid);
    if (dueAt) waits.push(Math.round((dueAt.getTime() - Date.now()) / 10_000) * 10);
  }
  expect(waits).toEqual([3_600, 60]);
  expect(await rig.story("fails", uid)).toMatchObject({ state: "failed", reason: "webhook_status", tries: 2 });
});

test("what needs a person and has no way to one fails as that", async () => {
  const mailbox = await hooked("nobody");
  service.says({ action: "escalate", note: "angry" });
  const uid = await mailbox.arrive(letter());
  await rig.answerAll();
  expect(await rig.story("nobody", uid)).toMatchObject({ state: "failed", reason: "escalated", detail: "angry" });
});

test("an escalation is signed with a secret of its own, and with the webhook's where it has none", async () => {
  const escalateSecret = `whsec_${randomBytes(32).toString("base64")}`;
  const answer = { answerer: { kind: "webhook", url: service.url, timeoutMs: 5_000 } } as const;
  const mailbox = await rig.mailbox("signed", { answer: { ...answer, escalate: { url: service.url } }, secrets });
  const signers = async () => {
    const before = service.told.length;
    service.says({ action: "escalate", note: "angry" }, { status: 200 });
    await mailbox.arrive(letter());
    await rig.answerAll();
    return service.told
      .slice(before)
      .map((told) => [secrets.webhookSecret, escalateSecret].findIndex((one) => told.isSignedWith(one)));
  };
  expect(await signers()).toEqual([0, 0]);
  await mailbox.change({ answer: { ...answer, escalate: { url: service.url } }, secrets: { escalateSecret } });
  expect(await signers()).toEqual([0, 1]);
});

test("what needs a person is called, forwarded whole, and moved, together; a call that fails is made again first", async () => {
  const escalate = { url: service.url, forwardTo: "boss@acme.test", moveTo: "People" };
  const mailbox = await hooked("person", { escalate });
  const before = service.told.length;
  service.says({ action: "escalate", note: "angry" }, { status: 500 }, { status: 200 });
  const uid = await mailbox.arrive(letter({ Subject: "I am\u00a0angry" }));
  await rig.answerAll();
  expect(await rig.story("person", uid)).toMatchObject({ state: "pending", tries: 1, reason: "webhook_status" });
  await makeDue();
  await rig.answerAll();
  expect(await rig.story("person", uid)).toMatchObject({ state: "skipped", reason: "escalated", detail: "angry" });
  expect(service.told.slice(before).map(({ id, type }) => [id, type])).toEqual([
    [uid, "inbound.received"],
    [`${uid}-escalated`, "inbound.escalated"],
    [`${uid}-escalated`, "inbound.escalated"],
  ]);
  expect(await mailbox.actions()).toMatchObject([{ kind: "move", to: "People" }]);
  const { items } = await rig.store.messages.list("person", {});
  expect(items).toHaveLength(1);
  const content = await rig.store.messages.content("person", items[0]?.uid ?? "");
  const text = Buffer.from(content && "bytes" in content ? content.bytes : []).toString();
  expect(text).toMatch(/^To: boss@acme\.test\r$/m);
  expect(text).toMatch(/^Content-Type: message\/rfc822/m);
  expect(text).toContain("When do you open?");
  // A mailbox of ours that it is forwarded to does not answer it.
  const other = await rig.mailbox("boss", { answer: { from: "boss@peer.test" } });
  const forwarded = await other.arrive(text);
  await rig.answerAll();
  expect(await rig.story("boss", forwarded)).toMatchObject({ state: "skipped", reason: "loop" });
});

test("one sender's letters are forwarded to a person so often a day, and no more", async () => {
  const limits = { perCorrespondentPerDay: 1, perHour: 100, threadDepth: 10 };
  const mailbox = await hooked("floods", { limits, escalate: { forwardTo: "boss@acme.test" } });
  service.says({ action: "escalate", note: "angry" });
  for (let n = 0; n < 5; n++) await mailbox.arrive(letter());
  const other = await mailbox.arrive(letter({ From: "bea@peer.test" }));
  const before = service.told.length;
  await rig.answerAll();
  const { items } = await rig.store.inbound.list("floods", {});
  expect(items.map(({ reason }) => reason).toSorted()).toEqual([
    ...["escalated", "escalated", "escalated", "escalated"],
    ...["too_many_answers", "too_many_answers"],
  ]);
  expect(await rig.story("floods", other)).toMatchObject({ reason: "escalated" });
  expect(service.told).toHaveLength(before + 4);
});

test("no draft is made where as many of the mailbox wait for a person as may, and its answerer is not asked", async () => {
  const mailbox = await hooked("unread", { mode: "approve" });
  await rig.store.db.query(
    `insert into mailfleet.answering (inbound_uid, tenant_id, mailbox_uid, state)
     select uuidv7(), tenant_id, uid, 'approval' from mailfleet.mailboxes, generate_series(1, 1000) where tenant_id = 'unread'`,
  );
  const before = service.told.length;
  const uid = await mailbox.arrive(letter());
  await rig.answerAll();
  expect(await rig.story("unread", uid)).toMatchObject({ state: "skipped", reason: "too_many_drafts" });
  expect(service.told).toHaveLength(before);
});

test("drafts that wait for a person are limited, too, by the hour over all senders", async () => {
  const limits = { perCorrespondentPerDay: 10, perHour: 1, threadDepth: 10 };
  const mailbox = await hooked("piles", { limits, mode: "approve" });
  service.says({ action: "answer", text: "At nine." });
  for (let n = 0; n < 4; n++) await mailbox.arrive(letter({ From: `p${n}@peer.test` }));
  await rig.answerAll();
  const { items } = await rig.store.inbound.list("piles", {});
  expect(items.map(({ state, reason }) => reason ?? state).toSorted()).toEqual([
    ...["awaiting_approval", "awaiting_approval", "awaiting_approval"],
    "hourly_cap",
  ]);
  // What a person wants answered is: the answers themselves are counted then.
  const [waits] = items.filter(({ state }) => state === "awaiting_approval");
  await rig.store.inbound.approve("piles", waits?.uid ?? "", { by: "bob" });
  await rig.answerAll();
  expect(await rig.story("piles", waits?.uid ?? "")).toMatchObject({ state: "answered" });
});

test("a kill switch keeps a message from being forwarded, and ends a conversation before its next step", async () => {
  const { inbound } = rig.store;
  const forwards = await hooked("switched", { escalate: { forwardTo: "boss@acme.test" } });
  service.says({ action: "escalate", note: "angry" });
  const asked = await forwards.arrive(letter());
  const stopThen = {
    ...rig.store.answering,
    end: async (...args: Parameters<typeof rig.store.answering.end>) => {
      await inbound.stopAnswering("switched", "admin");
      return rig.store.answering.end(...args);
    },
  };
  const deps = { ...rig.deps, store: { ...rig.store, answering: stopThen } };
  await answerOne(deps, await rig.claim(), new AbortController().signal);
  expect(await rig.story("switched", asked)).toMatchObject({ state: "pending", tries: 0 });
  expect((await rig.store.messages.list("switched", {})).items).toEqual([]);

  const mailbox = await modelled("talks");
  model.script({ calls: [{ name: "nothing", arguments: {} }] }, { text: "At nine." });
  const uid = await mailbox.arrive(letter());
  const before = model.requests.length;
  let stopped: Promise<unknown> | undefined;
  const modelUsed = () => {
    stopped ??= inbound.stopAnswering("talks", "admin");
  };
  const journal = {
    ...rig.store.answering,
    mayGoOn: async (ticket: Parameters<typeof rig.store.answering.mayGoOn>[0]) => {
      await stopped;
      return rig.store.answering.mayGoOn(ticket);
    },
  };
  const talking = {
    ...rig.deps,
    store: { ...rig.store, answering: journal },
    telemetry: { ...rig.deps.telemetry, modelUsed },
  };
  await answerOne(talking, await rig.claim(), new AbortController().signal);
  expect(model.requests).toHaveLength(before + 1);
  expect(await rig.story("talks", uid)).toMatchObject({ state: "pending", tries: 0 });
  await inbound.startAnswering("talks");
  await rig.answerAll();
  expect(await rig.story("talks", uid)).toMatchObject({ state: "answered" });
});

test("a call that ends after midnight is booked on the day on which it was reserved", async () => {
  const mailbox = await modelled("midnight", { tokensPerDay: 100_000 });
  model.script({ text: "At nine." });
  await mailbox.arrive(letter());
  const dayBefore = { nowMs: () => rig.deps.nowMs() - 86_400_000 };
  await rig.answerAll(dayBefore);
  expect((await rig.store.modelBudget.today("midnight", mailbox.uid)).mailbox.tokens).toBe(0);
  const [row] = await rig.store.db.query("select tokens from mailfleet.model_usage where mailbox_uid = $1", [
    mailbox.uid,
  ]);
  expect(row).toMatchObject({ tokens: 120 });
});

test("a model's answer waits for a person, with its transcript, and what it used is counted", async () => {
  const mailbox = await modelled("model", { tokensPerDay: 100_000 }, { mode: "approve" });
  model.script({ text: "We open at nine." });
  const uid = await mailbox.arrive(letter());
  await rig.answerAll();
  const story = await rig.story("model", uid);
  expect(story).toMatchObject({ state: "awaiting_approval", transcript: { model: "small", tokens: 120 } });
  expect(story.draft?.text).toContain("We open at nine.");
  expect((await rig.store.modelBudget.today("model", mailbox.uid)).mailbox.tokens).toBe(120);
});

test("a model that was asked is not asked again where its answer was not written in time", async () => {
  const mailbox = await modelled("replay");
  const uid = await mailbox.arrive(letter());
  const before = model.requests.length;
  const called = new AbortController();
  // It is called off when the model has answered: as if the process had died, but that it costs no crash.
  const deps = { ...rig.deps, telemetry: { ...rig.deps.telemetry, modelUsed: () => called.abort() } };
  await answerOne(deps, await rig.claim(), called.signal);
  expect(await rig.story("replay", uid)).toMatchObject({ state: "pending" });
  await rig.answerAll();
  expect(await rig.story("replay", uid)).toMatchObject({ state: "answered", answer: { answerer: "model" } });
  expect(model.requests).toHaveLength(before + 1);
});

test("a model that fails for good leaves its fallback, once; a day's budget that is used up ends the rest", async () => {
  const mailbox = await modelled("fallback", { fallback: "We will write soon." });
  model.script({ status: 401 });
  const uid = await mailbox.arrive(letter());
  await rig.answerAll();
  expect(await rig.story("fallback", uid)).toMatchObject({ state: "answered", answer: { answerer: "fallback" } });
  expect(await rig.outgoing("fallback", uid)).toContain("We will write soon.");
  const poor = await modelled("poor", { tokensPerDay: 10 });
  const other = await poor.arrive(letter());
  await rig.answerAll();
  expect(await rig.story("poor", other)).toMatchObject({ state: "skipped", reason: "budget_exhausted" });
});
