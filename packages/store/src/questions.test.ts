import { afterAll, beforeAll, expect, test } from "vitest";
import { openRig, type Rig } from "./testing/rig.ts";

let rig: Rig;
beforeAll(async () => {
  rig = await openRig();
});
afterAll(() => rig[Symbol.asyncDispose]());

test("a question is taken by one worker of its kind, answered once, and gone", async () => {
  const { questions } = rig.store;
  const id = await questions.ask("try", { tenantId: "acme", mailboxUid: 1, bytes: Buffer.from("hello") });
  expect(await questions.take("verify", 1, 10)).toEqual([]);
  const taken = (await Promise.all([1, 2, 3].map((workerId) => questions.take("try", workerId, 10)))).flat();
  expect(taken).toMatchObject([{ id, tenantId: "acme", mailboxUid: 1 }]);
  expect(Buffer.from(taken[0]?.bytes ?? []).toString()).toBe("hello");
  await questions.answer(id, { ok: true });
  expect(await questions.answerTo(id, AbortSignal.timeout(5_000))).toEqual({ ok: true });
  expect(await questions.answerTo(id, AbortSignal.abort())).toBeUndefined();
});

test("whoever asked and waits no longer leaves nothing to be taken", async () => {
  const { questions } = rig.store;
  const id = await questions.ask("verify", { tenantId: "acme", mailboxUid: 1 });
  expect(await questions.answerTo(id, AbortSignal.abort())).toBeUndefined();
  expect(await questions.take("verify", 1, 10)).toEqual([]);
});
