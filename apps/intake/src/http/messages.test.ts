import { afterAll, beforeAll, expect, test } from "vitest";
import { type RunningIntake, runIntake } from "./testing/running-intake.ts";

let running: RunningIntake;
let key: string;

beforeAll(async () => {
  running = await runIntake();
  ({ key } = await running.makeTenant("acme"));
});
afterAll(() => running[Symbol.asyncDispose]());

const hello = { from: "Ann <ann@acme.test>", to: "bob@peer.test", subject: "Hello", text: "Hi Bob" };
const submit = (body: unknown, headers: Record<string, string> = {}) =>
  running.ask("POST", "/v1/messages", { key, body, headers });

test("a message is accepted, stored as it will be sent, and its account is woken", async () => {
  const before = running.woken.length;
  const { status, body } = await submit(hello);
  expect([status, body]).toEqual([202, body]);
  expect(body).toMatchObject({ state: "pending", deliveries: [{ recipient: "bob@peer.test", state: "pending" }] });
  expect(body.messageId).toMatch(/^<[0-9a-f-]{36}@acme\.test>$/);
  expect(running.woken.slice(before)).toHaveLength(1);

  const content = await running.store.messages.content("acme", body.id);
  const text = Buffer.from(content && "bytes" in content ? content.bytes : []).toString();
  expect(text).toContain(`Message-ID: ${body.messageId}`);
  expect(text).toContain("Subject: Hello");

  const shown = await running.ask("GET", `/v1/messages/${body.id}`, { key });
  expect(shown.body).toMatchObject({ id: body.id, state: "pending", from: "ann@acme.test", counts: { pending: 1 } });
  expect(shown.body.deliveries[0].id).toBe(body.deliveries[0].id);
});
