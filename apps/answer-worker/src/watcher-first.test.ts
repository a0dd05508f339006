/** What an answer worker has the mailbox's watcher do first: look whether a person was faster, and fetch what was not kept. */
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

test("what was skipped on arrival is begun anew with what lies in its mailbox, and is answered", async () => {
  const mailbox = await rig.mailbox("anew");
  const [uid, gone] = [
    await mailbox.arrive(letter(), { skip: { reason: "before_start" } }),
    await mailbox.arrive(letter(), { skip: { reason: "too_old" } }),
  ];
  expect(await rig.story("anew", uid)).toMatchObject({ state: "skipped", hasContent: false });
  await rig.store.inbound.requeue("anew", uid, "bob");
  await rig.answerAll();
  expect(await rig.story("anew", uid)).toMatchObject({ state: "pending", actions: [{ kind: "fetch" }] });
  await mailbox.look([]);
  // Its content is here now, and nobody has looked whether a person was faster.
  await rig.answerAll();
  expect(await rig.story("anew", uid)).toMatchObject({ state: "pending", hasContent: true });
  await mailbox.look(["\\Seen"]);
  await rig.answerAll();
  expect(await rig.story("anew", uid)).toMatchObject({ state: "answered", run: 2 });
  expect(await rig.outgoing("anew", uid)).toContain("Thank you, Ann.");

  await rig.store.inbound.requeue("anew", gone, "bob");
  await rig.answerAll();
  await mailbox.look("gone");
  expect(await rig.story("anew", gone)).toMatchObject({
    state: "failed",
    reason: "content_missing",
    detail: "it has gone",
  });
});
