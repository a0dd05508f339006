import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { context, MemoryJournal, question } from "../testing/question.ts";
import type { ModelUse } from "./budget.ts";
import { modelLimits } from "./model-answerer.ts";
import { draftOf, type ModelRig, modelKey, openModelRig, scriptTool, toolsOf } from "./testing/model-rig.ts";

let rig: ModelRig;
let asked = 0;
beforeAll(async () => {
  rig = await openModelRig();
});
afterAll(() => rig[Symbol.asyncDispose]());
beforeEach(() => {
  rig.server.says({ text: "We open at 7." });
  asked = rig.server.requests.length;
});
const calls = () => rig.server.requests.slice(asked);
const show = scriptTool("./show-call.mjs");

describe("a model's answer", () => {
  test("is its text, as text and as HTML of ours, with a transcript", async () => {
    rig.server.script({
      text: "We open at 7.\nSee bakery.example/hours",
      usage: { prompt_tokens: 200, completion_tokens: 30 },
    });
    const draft = draftOf(await rig.ask({ price: { inputPerMillion: 1, outputPerMillion: 10 } }));
    expect(draft.text).toBe("We open at 7.\nSee https://bakery.example/hours");
    expect(draft.html).toBe(
      '<p dir="auto">We open at 7.<br>\nSee <a href="https://bakery.example/hours" rel="noopener noreferrer">https://bakery.example/hours</a></p>',
    );
    expect(draft.answeredBy).toBe("test-model");
    expect(draft.transcript).toMatchObject({
      model: "test-model",
      promptHash: expect.stringMatching(/^[0-9a-f]{64}$/),
      tokens: 230,
      steps: [{ kind: "model", name: "test-model", inputTokens: 200, outputTokens: 30, finish: "stop" }],
    });
    expect(draft.transcript?.cost).toBeCloseTo(0.0005);
  });

  test("is asked for with the tenant's prompt first, and what a stranger wrote between marks", async () => {
    await rig.ask({ temperature: 0.2 });
    const { body, headers } = calls()[0] ?? expect.fail();
    expect(headers.authorization).toBe(`Bearer ${modelKey}`);
    expect(body).toMatchObject({ model: "test-model", temperature: 0.2, max_tokens: 500 });
    expect(body.messages.map(({ role }) => role)).toEqual(["system", "user"]);
    expect(body.messages[0]?.content).toMatch(/^You answer for a bakery\.\n\nYou write the answer/);
    expect(body.messages[1]?.content).toMatch(
      /--- begin message ([0-9a-f]{20}) ---\n[\s\S]*When do you open\?\n--- end message \1 ---/,
    );
    expect(body.tools?.map((tool) => tool.function.name)).toEqual(["decline", "escalate"]);
  });

  test("may be to pictures, which are shown as what they are", async () => {
    const content = Buffer.from("89504e470d0a1a0a0000", "hex");
    const picture = { number: 0, contentType: "image/jpeg", disposition: "inline", sizeBytes: 10, content } as const;
    const svg = { ...picture, contentType: "image/svg+xml", content: Buffer.from("<svg/>") };
    await rig.ask({ images: true }, question({ message: { attachments: [picture, svg] } }));
    const { content: shown } = calls()[0]?.body.messages[1] ?? expect.fail();
    expect(Array.isArray(shown) ? shown.slice(1) : shown).toEqual([
      { type: "image_url", image_url: { url: `data:image/png;base64,${content.toString("base64")}` } },
    ]);
  });

  test("may be none, or a person's", async () => {
    rig.server.script({ calls: [{ name: "decline", arguments: { reason: "spam from evil.com" } }] });
    expect(await rig.ask()).toMatchObject({ kind: "decline", reason: "spam from […]", transcript: { tokens: 120 } });
    rig.server.script({
      calls: [
        { name: "decline", arguments: {} },
        { name: "escalate", arguments: { note: "Angry.\nCall him." } },
      ],
    });
    expect(await rig.ask()).toMatchObject({ kind: "escalate", note: "Angry. Call him." });
    rig.server.script({ calls: [{ name: "escalate", arguments: "{not json" }] });
    expect(await rig.ask()).toMatchObject({ kind: "escalate", note: "The model gave no reason." });
  });

  test("is what it says, not what it thinks aloud", async () => {
    rig.server.script({ text: "<think>They are rude.</think>\n\nWe open at 7." });
    expect(draftOf(await rig.ask()).text).toBe("We open at 7.");
    rig.server.script({ text: "<think>They are rude" });
    expect(await rig.ask()).toMatchObject({ kind: "failed", code: "model_said_nothing" });
  });
});

describe("tools", () => {
  const withTool = { tools: ["orders"] };

  test("are run with checked arguments, and the model is shown what they say", async () => {
    rig.server.script({ calls: [{ name: "orders", arguments: { order: "A-1", count: 2 } }] });
    const draft = draftOf(await rig.ask(withTool, question(), {}, toolsOf(show)));
    expect(draft.text).toBe("We open at 7.");
    const [, second] = calls();
    expect(second?.body.messages.map(({ role }) => role)).toEqual(["system", "user", "assistant", "tool"]);
    const result = JSON.parse(String(second?.body.messages.at(-1)?.content));
    expect(result.arguments).toEqual(["A-1", "--count=2", "--customer=ann@example.org"]);
    expect(draft.transcript?.steps).toMatchObject([
      { kind: "model", finish: "tool-calls" },
      { kind: "tool", name: "orders", arguments: '{"order":"A-1","count":2}', outcome: "ok" },
      { kind: "model", finish: "stop" },
    ]);
  });

  const refused = [
    ["an unknown tool", { name: "shell", arguments: {} }, "tool_unknown", "There is no such tool."],
    [
      "an argument of the wrong type",
      { name: "orders", arguments: { order: 7 } },
      "tool_arguments_wrong",
      "order: must be",
    ],
    ["a missing argument", { name: "orders", arguments: {} }, "tool_arguments_wrong", "order: is required"],
    [
      "an argument that nobody declared",
      { name: "orders", arguments: { order: "1", correspondent: "x@y.z" } },
      "tool_arguments_wrong",
      "correspondent: is no argument",
    ],
    [
      "an argument that is too long",
      { name: "orders", arguments: { order: "x".repeat(41) } },
      "tool_arguments_wrong",
      "order: has the wrong length",
    ],
    [
      "an option in place of a value",
      { name: "orders", arguments: { order: "--delete" } },
      "tool_arguments_refused",
      'order: a value that begins with "-"',
    ],
    [
      "arguments that are no JSON",
      { name: "orders", arguments: "order=1" },
      "tool_arguments_wrong",
      "arguments: must be of type object",
    ],
  ] as const;
  for (const [name, call, outcome, said] of refused) {
    test(`refuse ${name}, and say so`, async () => {
      rig.server.script({ calls: [call] });
      const draft = draftOf(await rig.ask(withTool, question(), {}, toolsOf(show)));
      expect(draft.transcript?.steps[1]).toMatchObject({ kind: "tool", outcome });
      expect(String(calls()[1]?.body.messages.at(-1)?.content)).toContain(`Error: ${said}`);
    });
  }

  test("are called a bounded number of times at once", async () => {
    const many = Array.from({ length: modelLimits.callsPerStep + 2 }, () => ({ name: "nothing", arguments: {} }));
    rig.server.script({ calls: many });
    const { transcript } = draftOf(await rig.ask());
    const outcomes = transcript?.steps.map((step) => (step.kind === "tool" ? step.outcome : "model"));
    expect(outcomes?.filter((outcome) => outcome === "tool_unknown")).toHaveLength(modelLimits.callsPerStep);
    expect(outcomes?.filter((outcome) => outcome === "tool_calls_exceeded")).toHaveLength(2);
  });

  test("are not offered to the last call of the model, and a model that calls on and on ends", async () => {
    rig.server.says({ calls: [{ name: "nothing", arguments: {} }] });
    const decision = await rig.ask({ ...withTool, maxSteps: 3 }, question(), {}, toolsOf(show));
    expect(decision).toMatchObject({ kind: "failed", permanent: true, code: "steps_exhausted" });
    expect(calls().map(({ body }) => body.tools?.length)).toEqual([3, 3, 2]);
  });

  test("that the operator took away end as wrong settings", async () => {
    expect(await rig.ask(withTool)).toMatchObject({ kind: "failed", permanent: true, code: "model_settings" });
    expect(calls()).toHaveLength(0);
  });
});

describe("a crash", () => {
  test("replays every step, and asks neither model nor tool again", async () => {
    const journal = new MemoryJournal();
    const script = [{ calls: [{ name: "orders", arguments: { order: "A-1" } }] }, { text: "Sent." }];
    rig.server.script(...script);
    const run = () => rig.ask({ tools: ["orders"] }, question(), { journal }, toolsOf(show));
    const first = await run();
    expect(calls()).toHaveLength(2);
    expect(journal.results.size).toBe(3);
    expect(await run()).toEqual(first);
    expect(calls()).toHaveLength(2);
  });

  test("goes on after the last step that was recorded", async () => {
    const journal = new MemoryJournal();
    rig.server.script({ calls: [{ name: "nothing", arguments: {} }] }, { status: 503 });
    expect(await rig.ask({}, question(), { journal })).toMatchObject({ kind: "failed", code: "model_unavailable" });
    const draft = draftOf(await rig.ask({}, question({ attempt: 2 }), { journal }));
    expect(calls()).toHaveLength(3);
    expect(draft.transcript?.steps).toHaveLength(3);
  });

  test("finds steps that a database could keep, whatever the model wrote", async () => {
    const journal = new MemoryJournal();
    const raw = (message: object) => JSON.stringify({ choices: [{ finish_reason: "stop", message }] });
    const call = {
      id: "a\0",
      type: "function",
      function: { name: "no\0\ud800", arguments: '{"a\\u0000\\udc00":"\\u0000 \\\\u0000 \ud83d\ude00"}' },
    };
    rig.server.script(
      { raw: raw({ content: "\0\ud800", tool_calls: [call] }) },
      { raw: raw({ content: "We\0 open \ud800" }) },
    );
    expect(draftOf(await rig.ask({}, question(), { journal })).text).toBe("We\ufffd open \ufffd");
    const kept = [...journal.results.entries()].flat().join();
    expect(kept.replaceAll("\\\\", "")).not.toMatch(/\\u0000|\\ud[89a-f]/);
    expect(kept).toContain("\ufffd \\\\u0000 \ud83d\ude00");
  });

  test("has tools run under the same key as before", async () => {
    const journal = new MemoryJournal();
    const call = { calls: [{ name: "orders", arguments: { order: "A-1" } }] };
    const keyOf = async () => {
      rig.server.script(call);
      await rig.ask({ tools: ["orders"] }, question(), { journal }, toolsOf(show));
      return JSON.parse(String(rig.server.requests.at(-1)?.body.messages.at(-1)?.content)).env
        .MAILFLEET_IDEMPOTENCY_KEY;
    };
    const first = await keyOf();
    journal.results.clear();
    expect(await keyOf()).toBe(first);
    expect(first).toMatch(/^key-/);
  });
});

const failures = [
  [{ status: 400 }, "model_rejected", true],
  [{ status: 401 }, "model_unauthorized", true],
  [{ status: 403 }, "model_unauthorized", true],
  [{ status: 404 }, "model_not_found", true],
  [{ status: 413 }, "model_rejected", true],
  [{ status: 302, headers: { location: "http://127.0.0.1:1/" } }, "model_rejected", true],
  [{ status: 408 }, "model_unavailable", false],
  [{ status: 429 }, "model_busy", false],
  [{ status: 500 }, "model_unavailable", false],
  [{ status: 503 }, "model_unavailable", false],
  [{ raw: "<html>" }, "model_bad_response", false],
  [{ raw: '{"choices":[]}' }, "model_bad_response", false],
  [{ raw: "x".repeat(5 * 1_024 * 1_024) }, "model_response_too_large", false],
  [{ fault: "cut" }, "model_unreachable", false],
  [{ text: "We open", finish: "length" }, "model_cut_off", true],
  [{ text: "", finish: "content_filter" }, "model_refused", true],
  [{ text: "" }, "model_said_nothing", true],
] as const;

describe("a model that fails", () => {
  for (const [reply, code, permanent] of failures) {
    test(`with ${JSON.stringify(reply).slice(0, 60)} is ${code}, ${permanent ? "for good" : "for now"}`, async () => {
      rig.server.script(reply);
      expect(await rig.ask()).toMatchObject({ kind: "failed", code, permanent });
      expect(calls()).toHaveLength(1);
    });
  }

  test("by silence has timed out, for now", async () => {
    rig.server.script({ fault: "silence" });
    expect(await rig.ask({ timeoutMs: 50 })).toMatchObject({ kind: "failed", code: "model_timeout", permanent: false });
  });

  test("is asked again when it says so", async () => {
    rig.server.script({ status: 429, headers: { "retry-after": "120" } });
    expect(await rig.ask()).toMatchObject({ retryAfterMs: 120_000 });
  });

  test("says nothing of its key or its words", async () => {
    const raw = JSON.stringify({
      error: { message: `Incorrect key ${modelKey}`, code: modelKey, type: "invalid_request_error" },
    });
    rig.server.script({ status: 401, raw });
    const decision = await rig.ask();
    expect(decision).toMatchObject({ detail: "The model's endpoint answered 401 (invalid_request_error)." });
    expect(JSON.stringify(decision)).not.toContain(modelKey);
  });

  test("is on an address that the operator has not allowed, for good", async () => {
    const decision = await rig.ask({}, question(), {}, { allowPrivateNetworks: false });
    expect(decision).toMatchObject({ kind: "failed", permanent: true, code: "model_settings" });
    const named = await rig.ask({ url: "https://localhost/v1" }, question(), {}, { allowPrivateNetworks: false });
    expect(named).toMatchObject({ kind: "failed", permanent: true, code: "model_address_refused" });
    expect(calls()).toHaveLength(0);
  });

  test("when it is called off rejects with the reason", async () => {
    const off = new AbortController();
    rig.server.script({ fault: "silence" });
    const asking = rig.ask({}, question(), { ...context(), signal: off.signal });
    await rig.server.asked(asked + 1);
    off.abort(new Error("lease lost"));
    await expect(asking).rejects.toThrow("lease lost");
  });
});

describe("the fallback", () => {
  const fallback = "We have your message.";
  const answer = { kind: "answer", text: fallback, answeredBy: "fallback" };

  test("stands in for an answer after the last try, not before", async () => {
    rig.server.says({ status: 503 });
    expect(await rig.ask({ fallback }, question({ attempt: 2, maxTries: 3 }))).toMatchObject({ kind: "failed" });
    const last = await rig.ask({ fallback }, question({ attempt: 3, maxTries: 3 }));
    expect(last).toMatchObject({ ...answer, transcript: { failure: "model_unavailable" } });
    expect(await rig.ask({}, question({ attempt: 3, maxTries: 3 }))).toMatchObject({ kind: "failed" });
  });

  test("stands in at once where another try would not help", async () => {
    rig.server.script({ status: 401 });
    expect(await rig.ask({ fallback }, question({ maxTries: 3 }))).toMatchObject(answer);
    expect(await rig.ask({ fallback, tools: ["gone"] })).toMatchObject({
      ...answer,
      transcript: { failure: "model_settings" },
    });
  });
});

describe("caps", () => {
  test("on the message's tokens bound what a call may answer, and end the matter", async () => {
    rig.server.script({
      calls: [{ name: "nothing", arguments: {} }],
      usage: { prompt_tokens: 900, completion_tokens: 90 },
    });
    const decision = await rig.ask({ tokensPerMessage: 1_500 });
    expect(decision).toMatchObject({ kind: "failed", permanent: true, code: "budget_exhausted" });
    expect(calls()).toHaveLength(1);
    expect(await rig.ask({ tokensPerMessage: 100 })).toMatchObject({ code: "budget_exhausted" });
    await rig.ask({ tokensPerMessage: 900 });
    expect(calls().at(-1)?.body.max_tokens).toBeLessThan(500);
  });

  test("on the message's cost do so as well", async () => {
    const price = { inputPerMillion: 100, outputPerMillion: 1_000 };
    expect(await rig.ask({ price, costPerMessage: 0.01 })).toMatchObject({ code: "budget_exhausted" });
    expect(await rig.ask({ price, costPerMessage: 0.3 })).toMatchObject({ kind: "answer" });
    expect(calls()).toHaveLength(1);
    expect(calls()[0]?.body.max_tokens).toBeLessThan(300);
  });

  test("count what a silent server may have used", async () => {
    rig.server.script({ text: "We open at 7.", usage: null });
    const { transcript } = draftOf(await rig.ask());
    expect(transcript?.tokens).toBeGreaterThan(300);
  });

  const budgetOf = (allows: boolean) => {
    const seen: (readonly [string, ModelUse, ModelUse?])[] = [];
    return {
      seen,
      budget: {
        reserve: async (use: ModelUse) => {
          seen.push(["reserve", use]);
          return allows;
        },
        spent: async (reserved: ModelUse, used: ModelUse) => void seen.push(["spent", reserved, used]),
      },
    };
  };

  test("of the day are asked before each call, told after it, and not for a replay", async () => {
    const { seen, budget } = budgetOf(true);
    const journal = new MemoryJournal();
    await rig.ask({ tokensPerDay: 1_000 }, question(), { budget, journal });
    expect(seen.map(([what]) => what)).toEqual(["reserve", "spent"]);
    expect(seen[1]?.[1]).toEqual(seen[0]?.[1]);
    expect(seen[1]?.[2]).toEqual({ tokens: 120, cost: 0 });
    await rig.ask({ tokensPerDay: 1_000 }, question(), { budget, journal });
    expect(seen).toHaveLength(2);
  });

  test("of the day end the matter before the model is asked", async () => {
    const decision = await rig.ask({}, question(), { budget: budgetOf(false).budget });
    expect(decision).toMatchObject({ kind: "failed", permanent: true, code: "budget_exhausted" });
    expect(calls()).toHaveLength(0);
  });

  test("give back what a refused call did not use, and keep what a lost one may have", async () => {
    const { seen, budget } = budgetOf(true);
    rig.server.script({ status: 503 });
    await rig.ask({}, question(), { budget });
    expect(seen.at(-1)).toMatchObject(["spent", {}, { tokens: 0, cost: 0 }]);
    rig.server.script({ fault: "silence" });
    await rig.ask({ timeoutMs: 50 }, question(), { budget });
    expect(seen.at(-1)?.[0]).toBe("reserve");
  });

  test("of the day without a budget are an error of the program", async () => {
    await expect(rig.ask({ tokensPerDay: 1_000 })).rejects.toThrow("without a budget");
  });
});
