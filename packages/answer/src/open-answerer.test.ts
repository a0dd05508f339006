import { expect, test } from "vitest";
import { noOperatorConfig } from "./model/operator-config.ts";
import { openAnswerer } from "./open-answerer.ts";
import { context, question } from "./testing/question.ts";
import { startService } from "./testing/service.ts";

const secrets = { webhookSecret: `whsec_${Buffer.alloc(32).toString("base64")}`, modelKey: "key" };
const model = {
  kind: "model",
  model: "m",
  systemPrompt: "",
  timeoutMs: 5_000,
  maxOutputTokens: 100,
  images: false,
  threadMessages: 0,
  tools: [],
  httpTools: [],
  linkHosts: [],
  maxSteps: 1,
  tokensPerMessage: 10_000,
} as const;

test("a mailbox is answered as its settings say", async () => {
  const { url, requests } = await startService(({ path }) => ({
    headers: { "content-type": "application/json" },
    body:
      path === "/hook"
        ? { action: "answer", text: "from the webhook" }
        : { choices: [{ message: { role: "assistant", content: "from the model" }, finish_reason: "stop" }] },
  }));
  const operator = { ...noOperatorConfig, allowHosts: [new URL(url).host] };
  for (const [settings, text] of [
    [{ kind: "template", text: "from the template" }, "from the template"],
    [{ kind: "webhook", url, timeoutMs: 5_000 }, "from the webhook"],
    [{ ...model, url: new URL("/v1", url).href }, "from the model"],
  ] as const) {
    expect(await openAnswerer(settings, secrets, operator).answer(question(), context())).toMatchObject({
      kind: "answer",
      text: expect.stringContaining(text),
    });
  }
  expect(requests.map(({ path }) => path)).toEqual(["/hook", "/v1/chat/completions"]);
});
