/** One message after another, on real PostgreSQL and through the real parser: what becomes of each. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { type AnswerRig, letter, openAnswerRig } from "./testing/answer-rig.ts";

let rig: AnswerRig;
beforeAll(async () => {
  rig = await openAnswerRig();
});
afterAll(() => rig[Symbol.asyncDispose]());

test("a person's letter is answered once, threaded, through the outbox, to nobody but them", async () => {
  const mailbox = await rig.mailbox("sends", {
    answer: { appendTo: "\\Sent", moveTo: "Done", markSeen: true, account: "main" },
  });
  const eml = letter({ "Message-ID": "<q1@peer.test>", Cc: "eve@peer.test", "Reply-To": "Ann <ann@mail.peer.test>" });
  const uid = await mailbox.arrive(eml);
  expect(await rig.answerAll()).toBe(1);
  const story = await rig.story("sends", uid);
  expect(story).toMatchObject({
    state: "answered",
    correspondent: "ann@mail.peer.test",
    answer: { answerer: "template", messageId: `<answer-${uid}@acme.test>` },
    draft: { to: "ann@mail.peer.test", subject: "Re: Opening hours", text: "Thank you, Ann." },
  });
  const sent = await rig.outgoing("sends", uid);
  for (const line of [
    "From: Help <help@acme.test>",
    "To: Ann <ann@mail.peer.test>",
    "In-Reply-To: <q1@peer.test>",
    "References: <q1@peer.test>",
    "Auto-Submitted: auto-replied",
  ]) {
    expect(sent).toContain(`${line}\r\n`);
  }
  expect(sent).not.toContain("eve@peer.test");
  const message = await rig.store.messages.get("sends", story.answer?.messageUid ?? "");
  expect(message).toMatchObject({
    origin: "answer",
    reversePath: "",
    inDoubt: "hold",
    deliveries: [{ recipient: "ann@mail.peer.test" }],
  });
  const actions = await mailbox.actions();
  expect(actions).toMatchObject([
    { kind: "flags", add: ["\\Answered", "\\Seen"] },
    { kind: "append", folder: "\\Sent", flags: ["\\Seen"], messageId: `<answer-${uid}@acme.test>` },
    { kind: "move", to: "Done" },
  ]);
  expect(Buffer.from(actions[1]?.bytes as Uint8Array).toString()).toBe(sent);
  expect(rig.woken).toHaveLength(1);
  // Another copy of the message, which came by another way.
  const copy = await mailbox.arrive(`${eml}\r\n`);
  await rig.answerAll();
  expect(await rig.story("sends", copy)).toMatchObject({ state: "skipped", reason: "already_answered" });
});
