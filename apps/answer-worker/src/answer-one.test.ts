/** One message after another, on real PostgreSQL and through the real parser: what becomes of each. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { answerOne, maxCrashes } from "./answer-one.ts";
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

test("a program's mail is not answered, and the reason is kept with whom it would have gone to", async () => {
  const mailbox = await rig.mailbox("loops");
  const uid = await mailbox.arrive(letter({ "Auto-Submitted": "auto-replied (vacation)" }));
  await rig.answerAll();
  expect(await rig.story("loops", uid)).toMatchObject({
    state: "skipped",
    reason: "auto_submitted",
    correspondent: "ann@peer.test",
    answer: null,
  });
  expect(await mailbox.actions()).toEqual([]);
});

test("our own answer, sent back to a mailbox of ours, is not answered", async () => {
  const mailbox = await rig.mailbox("echo", { answer: { quoteOriginal: true } });
  const first = await mailbox.arrive(letter());
  await rig.answerAll();
  const sent = (await rig.outgoing("echo", first)) ?? "";
  const other = await rig.mailbox("echo-of-it", { answer: { from: "desk@peer.test" } });
  const back = await other.arrive(sent);
  await rig.answerAll();
  expect(await rig.story("echo-of-it", back)).toMatchObject({ state: "skipped", reason: "loop" });
});

test("a mailbox that only notifies records, and answers nobody", async () => {
  const mailbox = await rig.mailbox("notifies", { settings: { role: "notify" } });
  const uid = await mailbox.arrive(letter());
  await rig.answerAll();
  expect(await rig.story("notifies", uid)).toMatchObject({ state: "skipped", reason: "role_notify" });
});

test("a draft goes to Drafts once, marked as one, and nothing leaves", async () => {
  const mailbox = await rig.mailbox("drafts", { answer: { mode: "draft", appendTo: "\\Sent", moveTo: "Done" } });
  const uid = await mailbox.arrive(letter());
  await rig.answerAll();
  expect(await rig.story("drafts", uid)).toMatchObject({
    state: "answered",
    reason: "draft",
    answer: { messageUid: null, answerer: "template" },
  });
  expect(await mailbox.actions()).toMatchObject([{ kind: "append", folder: "\\Drafts", flags: ["\\Draft"] }]);
});

test("a shadow is recorded, and nothing is done", async () => {
  const mailbox = await rig.mailbox("shadows", { answer: { mode: "shadow" } });
  const uid = await mailbox.arrive(letter());
  await rig.answerAll();
  const story = await rig.story("shadows", uid);
  expect(story).toMatchObject({ state: "skipped", reason: "shadow", draft: { text: "Thank you, Ann." }, answer: null });
  expect(await mailbox.actions()).toEqual([]);
});

test("what waits for approval leaves as drafted, though it is opened, old, and waited long", async () => {
  const mailbox = await rig.mailbox("approves", { answer: { mode: "approve" } });
  const uid = await mailbox.arrive(letter(), { arrivedAt: new Date(Date.now() - 30_000) });
  await rig.answerAll();
  expect(await rig.story("approves", uid)).toMatchObject({
    state: "awaiting_approval",
    draft: { to: "ann@peer.test" },
  });
  expect(await rig.outgoing("approves", uid)).toBeUndefined();
  await rig.store.inbound.approve("approves", uid, { by: "bob" });
  const muchLater = { nowMs: () => rig.deps.nowMs() + 30 * 86_400_000 };
  await rig.answerAll(muchLater);
  expect(await rig.story("approves", uid)).toMatchObject({ state: "pending" });
  await mailbox.look(["\\Seen"]);
  await rig.answerAll({ ...muchLater, lookAfterMs: 31 * 86_400_000 });
  expect(await rig.story("approves", uid)).toMatchObject({ state: "answered", decidedBy: "bob" });
  expect(await rig.outgoing("approves", uid)).toContain("Thank you, Ann.");
});

test("an edited answer says what the person wrote, and nothing of the draft", async () => {
  const template = { kind: "template", text: "From the machine.", html: "<p>From the machine.</p>" } as const;
  const mailbox = await rig.mailbox("edits", { answer: { mode: "approve", answerer: template } });
  const uid = await mailbox.arrive(letter());
  await rig.answerAll();
  await rig.store.inbound.approve("edits", uid, { text: "From a person.", by: "bob" });
  await rig.answerAll();
  const sent = await rig.outgoing("edits", uid);
  expect(sent).toContain("From a person.");
  expect(sent).toContain("Subject: Re: Opening hours");
  expect(sent).not.toContain("From the machine");
  expect(await rig.story("edits", uid)).toMatchObject({ draft: { text: "From a person." } });
});

test("an allow list says whom answers go to: a Reply-To that is not on it gets none", async () => {
  const mailbox = await rig.mailbox("allows", { settings: { allowedSenders: ["ann@peer.test", "bob@peer.test"] } });
  const stranger = await mailbox.arrive(letter({ "Reply-To": "eve@peer.test" }));
  const known = await mailbox.arrive(letter({ "Reply-To": "bob@peer.test" }));
  await rig.answerAll();
  expect(await rig.story("allows", stranger)).toMatchObject({ state: "answered", correspondent: "ann@peer.test" });
  expect(await rig.story("allows", known)).toMatchObject({ state: "answered", correspondent: "bob@peer.test" });
});

test("an answer that is to wait waits without a try, and a person who is faster meanwhile wins", async () => {
  const mailbox = await rig.mailbox("waits", { answer: { answerAfterMs: 600_000 } });
  const uid = await mailbox.arrive(letter());
  expect(await rig.answerAll()).toBe(1);
  const waiting = await rig.story("waits", uid);
  expect(waiting).toMatchObject({ state: "pending", tries: 0 });
  expect((waiting.dueAt?.getTime() ?? 0) - waiting.arrivedAt.getTime()).toBeGreaterThan(590_000);
  await rig.store.db.query("update mailfleet.answering set due_at = now() where inbound_uid = $1", [uid]);
  const later = { nowMs: () => rig.deps.nowMs() + 601_000 };
  expect(await rig.answerAll(later)).toBe(1);
  expect(await rig.story("waits", uid)).toMatchObject({ state: "pending" });
  await mailbox.look(["\\Answered", "\\Seen"]);
  await rig.answerAll(later);
  expect(await rig.story("waits", uid)).toMatchObject({ state: "skipped", reason: "already_answered" });
  expect(await mailbox.actions()).toEqual([]);
});

test("a mail server whose clock is fast keeps nobody waiting", async () => {
  const mailbox = await rig.mailbox("fast", { answer: { answerAfterMs: 1 } });
  const uid = await mailbox.arrive(letter(), { arrivedAt: new Date(Date.now() + 3_600_000) });
  await rig.answerAll({ nowMs: () => rig.deps.nowMs() + 1_000 });
  expect(await rig.story("fast", uid)).toMatchObject({ state: "answered" });
});

test("a message that waited behind others is looked at first, and then answered", async () => {
  const mailbox = await rig.mailbox("backlog");
  const uid = await mailbox.arrive(letter());
  await rig.store.db.query("update mailfleet.answering set looked_at = now() - interval '2 minutes'");
  await rig.answerAll();
  expect(await rig.story("backlog", uid)).toMatchObject({ state: "pending" });
  await mailbox.look([]);
  await rig.answerAll();
  expect(await rig.story("backlog", uid)).toMatchObject({ state: "answered" });
});

test("a look that was made once a message was due keeps its place, and is good for minutes however long the queue", async () => {
  const mailbox = await rig.mailbox("queue");
  const uid = await mailbox.arrive(letter());
  const due = async () => (await rig.story("queue", uid)).dueAt;
  await rig.store.db.query(
    "update mailfleet.answering set due_at = now() - interval '3 minutes', looked_at = now() - interval '3 minutes'",
  );
  const before = await due();
  await rig.answerAll();
  await mailbox.look([]);
  expect(await due()).toEqual(before);
  await rig.answerAll({ nowMs: () => rig.deps.nowMs() + 9 * 60_000 });
  expect(await rig.story("queue", uid)).toMatchObject({ state: "answered" });
});

test("where the mailbox cannot be looked at nothing is sent, and it says so; what a person approved leaves", async () => {
  const { store } = rig;
  const mailbox = await rig.mailbox("unreachable");
  const uid = await mailbox.arrive(letter());
  const aged =
    "update mailfleet.answering set looked_at = now() - interval '2 hours', since = now() - interval '2 hours'";
  const limits = { stuckMs: 3_600_000, againMs: 600_000, limit: 10 };
  await store.db.query(aged);
  await rig.answerAll();
  expect(await store.answering.endStuckLooks(limits)).toBe(0);
  await store.db.query(aged);
  expect(await store.answering.endStuckLooks(limits)).toBe(1);
  expect(await rig.story("unreachable", uid)).toMatchObject({
    state: "pending",
    tries: 0,
    reason: "mailbox_unreachable",
  });
  expect(await rig.answerAll()).toBe(0);
  // It is asked for anew, with one look and not two; and then a person approves what would be said.
  await store.db.query("update mailfleet.answering set due_at = now()");
  await rig.answerAll();
  await store.db.query("update mailfleet.inbound set draft = $2 where uid = $1", [
    uid,
    { from: "a", to: "b", subject: "s", text: "Yes." },
  ]);
  await store.db.query(`update mailfleet.answering set since = now() - interval '2 hours', approved = '{"by": "bob"}'`);
  expect(await store.answering.endStuckLooks(limits)).toBe(1);
  await rig.answerAll();
  expect(await rig.story("unreachable", uid)).toMatchObject({ state: "answered" });
  expect((await mailbox.actions()).filter(({ kind }) => kind === "look")).toHaveLength(1);
});

test("a lock that was not to be had costs no try", async () => {
  const mailbox = await rig.mailbox("locked");
  const uid = await mailbox.arrive(letter());
  const answering = {
    ...rig.store.answering,
    answer: () => Promise.reject(Object.assign(new Error("canceled"), { code: "55P03" })),
  };
  const ticket = await rig.claim();
  await answerOne({ ...rig.deps, store: { ...rig.store, answering } }, ticket, new AbortController().signal);
  expect(await rig.story("locked", uid)).toMatchObject({ state: "pending", tries: 0, reason: null });
  await rig.store.db.query("update mailfleet.answering set due_at = now()");
  await rig.answerAll();
  expect(await rig.story("locked", uid)).toMatchObject({ state: "answered" });
});

test("what takes the parser too long ends at once; what only fell over is tried again", async () => {
  const mailbox = await rig.mailbox("parsers");
  for (const [code, ends] of [
    ["timeout", { state: "skipped", reason: "unreadable", tries: 0 }],
    ["out_of_memory", { state: "skipped", reason: "unreadable", tries: 0 }],
    ["crashed", { state: "pending", reason: "unreadable", tries: 1 }],
    ["busy", { state: "pending", reason: null, tries: 0 }],
  ] as const) {
    const uid = await mailbox.arrive(letter());
    const parser = { ...rig.deps.parser, parse: async () => ({ ok: false, code, detail: "" }) as const };
    await answerOne({ ...rig.deps, parser }, await rig.claim(), new AbortController().signal);
    expect(await rig.story("parsers", uid)).toMatchObject(ends);
  }
  await rig.store.tenants.suspend("parsers");
});

test("a message that a person took away while it waited is theirs, unless all mail is taken", async () => {
  const mailbox = await rig.mailbox("gone");
  const uids = [await mailbox.arrive(letter()), await mailbox.arrive(letter())];
  await rig.store.db.query("update mailfleet.answering set looked_at = now() - interval '2 minutes'");
  await rig.answerAll();
  await mailbox.look("gone");
  const [first, second] = [await rig.claim(), await rig.claim()];
  await answerOne(rig.deps, first, new AbortController().signal);
  await mailbox.change({ settings: { take: "all" } });
  await rig.store.mailboxes.open(mailbox.uid, 2);
  await answerOne(rig.deps, second, new AbortController().signal);
  const ends = await Promise.all(uids.map((uid) => rig.story("gone", uid)));
  expect(ends.map(({ state, reason, detail }) => [state, reason, detail]).toSorted()).toEqual([
    ["answered", null, null],
    ["skipped", "already_seen", "A person has moved or deleted it."],
  ]);
});

test("the limits of the correspondent hold before an answerer is asked", async () => {
  const limits = { perCorrespondentPerDay: 1, perHour: 100, threadDepth: 10 };
  const mailbox = await rig.mailbox("limits", { answer: { limits } });
  const uids = [await mailbox.arrive(letter()), await mailbox.arrive(letter())];
  await rig.answerAll();
  const ends = await Promise.all(uids.map((uid) => rig.story("limits", uid)));
  expect(ends.map(({ state, reason }) => [state, reason]).toSorted()).toEqual([
    ["answered", null],
    ["skipped", "too_many_answers"],
  ]);
});

test("a thread that holds as many answers of ours as it may gets no more", async () => {
  const limits = { perCorrespondentPerDay: 10, perHour: 100, threadDepth: 1 };
  const mailbox = await rig.mailbox("deep", { answer: { limits } });
  const first = await mailbox.arrive(letter({ "Message-ID": "<d1@peer.test>" }));
  await rig.answerAll();
  const reply = letter({ References: `<d1@peer.test> <answer-${first}@acme.test>` });
  const second = await mailbox.arrive(reply);
  await rig.answerAll();
  expect(await rig.story("deep", second)).toMatchObject({ state: "skipped", reason: "thread_too_deep" });
});

test("what is stopped or suspended while it is in hand waits, and is answered when that is over", async () => {
  const mailbox = await rig.mailbox("stops");
  const { inbound, tenants } = rig.store;
  for (const [stop, go] of [
    [() => inbound.stopAnswering("stops", "admin"), () => inbound.startAnswering("stops")],
    [() => tenants.suspend("stops"), () => tenants.activate("stops")],
  ] as const) {
    const uid = await mailbox.arrive(letter());
    const ticket = await rig.claim();
    await stop();
    await answerOne(rig.deps, ticket, new AbortController().signal);
    expect(await rig.story("stops", uid)).toMatchObject({ state: "pending", tries: 0 });
    expect(await rig.answerAll()).toBe(0);
    await go();
    await rig.answerAll();
    expect(await rig.story("stops", uid)).toMatchObject({ state: "answered" });
  }
});

test("a worker that was given up changes nothing, whatever it had found out", async () => {
  const mailbox = await rig.mailbox("fenced");
  const uid = await mailbox.arrive(letter());
  const late = await rig.claim();
  await rig.store.db.query("update mailfleet.answering set state = 'ready', worker = null where inbound_uid = $1", [
    uid,
  ]);
  expect(await rig.answerAll()).toBe(1);
  await answerOne(rig.deps, late, new AbortController().signal);
  expect(await rig.story("fenced", uid)).toMatchObject({ state: "answered" });
  expect(await mailbox.actions()).toHaveLength(1);
});

test("what was called off goes back free of charge", async () => {
  const mailbox = await rig.mailbox("aborts");
  const uid = await mailbox.arrive(letter());
  await answerOne(rig.deps, await rig.claim(), AbortSignal.abort());
  expect(await rig.story("aborts", uid)).toMatchObject({ state: "pending", tries: 0, reason: null });
  expect(await rig.answerAll()).toBe(1);
});

test("what took its process down at every try is not begun again; what was beside it is", async () => {
  const mailbox = await rig.mailbox("poisons");
  const uid = await mailbox.arrive(letter());
  const beside = await mailbox.arrive(letter());
  const died = "update mailfleet.answering set crashes = $2 where inbound_uid = $1";
  await rig.store.db.query(died, [uid, maxCrashes]);
  await rig.store.db.query(died, [beside, maxCrashes - 1]);
  await rig.answerAll();
  expect(await rig.story("poisons", uid)).toMatchObject({ state: "failed", reason: "poison" });
  expect(await rig.story("poisons", beside)).toMatchObject({ state: "answered" });
});

test("what cannot be read, or has no content anywhere any more, ends and says so", async () => {
  const mailbox = await rig.mailbox("unread");
  const deep = Array.from({ length: 40 }, (_, n) => `Content-Type: multipart/mixed; boundary=b${n}\r\n\r\n--b${n}\r\n`);
  const bomb = await mailbox.arrive(`From: ann@peer.test\r\n${deep.join("")}`);
  const gone = await mailbox.arrive(letter());
  await rig.store.db.query("delete from mailfleet.inbound_contents where inbound_uid = $1", [gone]);
  await rig.answerAll();
  await mailbox.look("gone");
  const story = await rig.story("unread", bomb);
  expect(story).toMatchObject({ state: "skipped", reason: "unreadable" });
  expect(story.detail).toMatch(/^too_deep: /);
  expect(await rig.story("unread", gone)).toMatchObject({ state: "failed", reason: "content_missing" });
});

test("a template that cannot answer, and an account that is not there, fail at once and may be begun anew", async () => {
  const mailbox = await rig.mailbox("wrong", {
    answer: { answerer: { kind: "template", text: "{{ from.name | nope }}" } },
  });
  const uid = await mailbox.arrive(letter());
  await rig.answerAll();
  expect(await rig.story("wrong", uid)).toMatchObject({ state: "failed", reason: "template_wrong", tries: 0 });
  const lookAndAnswer = async () => {
    await rig.answerAll();
    await mailbox.look([]);
    await rig.answerAll();
  };
  await mailbox.change({ answer: { account: "other" } });
  await rig.store.inbound.requeue("wrong", uid, "bob");
  await rig.deps.store.mailboxes.open(mailbox.uid, 2);
  await lookAndAnswer();
  expect(await rig.story("wrong", uid)).toMatchObject({ state: "failed", reason: "account_not_found" });
  await mailbox.change({});
  await rig.store.inbound.requeue("wrong", uid, "bob");
  await lookAndAnswer();
  expect(await rig.story("wrong", uid)).toMatchObject({ state: "answered", run: 3 });
});

test("every end is counted and logged once, without an address", async () => {
  const ends = rig.log.filter(({ event }) => event === "answered" || event === "skipped" || event === "answer_failed");
  expect(new Set(ends.map(({ inboundId }) => inboundId)).size).toBeGreaterThan(10);
  expect(JSON.stringify(ends)).not.toContain("@peer.test");
});
