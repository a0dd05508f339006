import { afterAll, beforeAll, expect, test } from "vitest";
import { type AnswerRig, letter, openAnswerRig } from "./testing/answer-rig.ts";

let rig: AnswerRig;
beforeAll(async () => {
  rig = await openAnswerRig();
});
afterAll(() => rig[Symbol.asyncDispose]());

test("mail that was old when it was recorded is looked at before it is answered, and fresh mail is not", async () => {
  const mailbox = await rig.mailbox("late");
  const arriving = (ms: number) => mailbox.arrive(letter(), { arrivedAt: new Date(rig.deps.nowMs() + ms) });
  const [old, fresh, ahead] = [await arriving(-7_200_000), await arriving(-2_000), await arriving(3_600_000)];
  await rig.answerAll();
  const states = async () => Promise.all([old, fresh, ahead].map(async (uid) => (await rig.story("late", uid)).state));
  expect(await states()).toEqual(["pending", "answered", "answered"]);
  await mailbox.look(["\\Answered"]);
  await rig.answerAll();
  expect(await rig.story("late", old)).toMatchObject({ state: "skipped", reason: "already_answered" });
});
