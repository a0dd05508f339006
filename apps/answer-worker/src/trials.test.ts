/** What would become of a message: asked by one process, answered by another, and nothing is written. */
import { noOperatorConfig } from "@mailfleet/answer";
import type { AnswerSettings } from "@mailfleet/mail";
import { startModelServer } from "@mailfleet/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type AnswerRig, letter, openAnswerRig, type RiggedMailbox } from "./testing/answer-rig.ts";
import { startTenantService } from "./testing/tenant-service.ts";
import { openTrials, type TrialDeps } from "./trials.ts";

let rig: AnswerRig;
beforeAll(async () => {
  rig = await openAnswerRig({ ...noOperatorConfig, allowPrivateNetworks: true });
});
afterAll(() => rig[Symbol.asyncDispose]());

async function tried(
  { tenantId, uid }: RiggedMailbox,
  eml: string,
  changes: Partial<TrialDeps> = {},
  trialMs?: number,
): Promise<unknown> {
  const { questions } = rig.store;
  const id = await questions.ask("try", { tenantId, mailboxUid: uid, bytes: Buffer.from(eml) });
  const trials = openTrials({ ...rig.deps, ...changes }, new AbortController().signal, trialMs);
  await trials.take(1);
  await trials.empty();
  return questions.answerTo(id, AbortSignal.timeout(5_000), 1);
}

test("a letter shows its answer, whatever the delay, and nothing is written or sent", async () => {
  const mailbox = await rig.mailbox("tries", { answer: { answerAfterMs: 600_000, mode: "draft" } });
  expect(await tried(mailbox, letter())).toMatchObject({
    decision: "answer",
    reason: null,
    mode: "draft",
    answerer: "template",
    draft: { to: "ann@peer.test", subject: "Re: Opening hours", text: "Thank you, Ann." },
  });
  for (const table of ["inbound", "answers", "mailbox_actions", "messages", "answer_steps"]) {
    expect(await rig.store.db.query(`select from mailfleet.${table}`), table).toHaveLength(0);
  }
});

test.for([
  ["a vacation notice", { "Auto-Submitted": "auto-replied" }, {}, { decision: "skip", reason: "auto_submitted" }],
  ["a wrong template", {}, { answerer: { kind: "template", text: "{{ x | nope }}" } }, { decision: "fail" }],
] as const)("%s shows why it would not be answered", async ([what, fields, answer, shown]) => {
  const mailbox = await rig.mailbox(what.replaceAll(" ", "-"), { answer: answer as Partial<AnswerSettings> });
  expect(await tried(mailbox, letter(fields))).toMatchObject(shown);
});

test("a model is asked, its tools are not run, and what it used counts", async () => {
  await using model = await startModelServer();
  await using service = await startTenantService();
  const { port } = new URL(service.url);
  const operator = { ...rig.deps.operator, toolHosts: [`127.0.0.1:${port}`] };
  const tool = {
    name: "look",
    description: "Looks it up.",
    url: service.url,
    method: "POST",
    timeoutMs: 1_000,
  } as const;
  const parameters = { type: "object", properties: {}, additionalProperties: false };
  const mailbox = await rig.mailbox("model", {
    answer: {
      answerer: {
        kind: "model",
        url: model.url,
        model: "small",
        systemPrompt: "Be kind.",
        timeoutMs: 5_000,
        maxOutputTokens: 200,
        images: false,
        threadMessages: 0,
        tools: [],
        httpTools: [{ ...tool, parameters }],
        linkHosts: [],
        maxSteps: 3,
        tokensPerMessage: 10_000,
        tokensPerDay: 10_000,
      },
    },
    secrets: { modelKey: "key" },
  });
  model.script({ calls: [{ name: "look", arguments: {} }] }, { text: "I could not look it up." });
  expect(await tried(mailbox, letter(), { operator })).toMatchObject({
    decision: "answer",
    transcript: {
      steps: [{ kind: "model" }, { kind: "tool", name: "look", outcome: "tool_not_run" }, { kind: "model" }],
    },
  });
  expect(service.told).toEqual([]);
  expect((await rig.store.modelBudget.today("model", mailbox.uid)).mailbox.tokens).toBe(240);
});

test("whoever asks is told in time that nothing is known, however long a model takes", async () => {
  await using model = await startModelServer();
  model.says({ fault: "silence" });
  const answerer = {
    kind: "model",
    url: model.url,
    model: "small",
    systemPrompt: "Be kind.",
    timeoutMs: 60_000,
    maxOutputTokens: 200,
    images: false,
    threadMessages: 0,
    tools: [],
    httpTools: [],
    linkHosts: [],
    maxSteps: 3,
    tokensPerMessage: 10_000,
  } as const;
  const mailbox = await rig.mailbox("slow", { answer: { answerer }, secrets: { modelKey: "key" } });
  expect(await tried(mailbox, letter(), {}, 300)).toMatchObject({ decision: "unknown", reason: "timeout" });
});

test("a webhook that takes longer than a trial, and not longer than its own timeout, is not said to fail", async () => {
  await using service = await startTenantService();
  const late = Promise.withResolvers<object>();
  service.says(late.promise);
  const answerer = { kind: "webhook", url: service.url, timeoutMs: 30_000 } as const;
  const secrets = { webhookSecret: `whsec_${Buffer.alloc(32, 7).toString("base64")}` };
  const mailbox = await rig.mailbox("late", { answer: { answerer }, secrets });
  const trial = await tried(mailbox, letter(), {}, 300);
  late.resolve({ status: 204 });
  expect(trial).toMatchObject({ decision: "unknown", reason: "timeout", detail: expect.stringContaining("0.3 s") });
});

test("a mailbox that is gone is an answer, too", async () => {
  const mailbox = await rig.mailbox("gone");
  await rig.store.mailboxes.delete("gone", "help");
  expect(await tried(mailbox, letter())).toMatchObject({ decision: "fail", reason: "mailbox_deleted" });
});
