import { randomBytes } from "node:crypto";
import { newId } from "@mailfleet/mail";
import { joinAsWorker, type Ticket } from "@mailfleet/store";
import { makeCertificate } from "@mailfleet/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type RunningIntake, runIntake } from "./testing/running-intake.ts";

let api: RunningIntake;
let key: string;
let otherKey: string;
beforeAll(async () => {
  api = await runIntake();
  key = (await api.makeTenant("acme")).key;
  otherKey = (await api.makeTenant("other")).key;
});
afterAll(() => api[Symbol.asyncDispose]());

const mailbox = {
  host: "imap.example.org",
  auth: { user: "help@example.org", pass: "secret" },
  answer: { from: "Help <help@example.org>", template: { text: "Hello {{ from.name }}" } },
};

test("a mailbox is stored with its defaults, shows no secret, and keeps one that is left out", async () => {
  const made = await api.ask("PUT", "/v1/mailboxes/help", { key, body: mailbox });
  expect(made.status).toBe(201);
  expect(made.body).toMatchObject({
    id: "help",
    port: 993,
    security: "tls",
    folder: "INBOX",
    mode: "idle",
    take: "unseen",
    role: "answer",
    maxAge: "3d",
    acceptsFrom: "everyone",
    secrets: { pass: true, webhookSecret: false },
    state: "new",
    completeUpTo: null,
    answer: { mode: "send", inDoubt: "hold", template: { text: "Hello {{ from.name }}" } },
  });
  expect(JSON.stringify(made.body)).not.toContain('"secret"');
  const again = await api.ask("PUT", "/v1/mailboxes/help", {
    key,
    body: { ...mailbox, auth: { user: "help@example.org" } },
  });
  expect([again.status, again.body.secrets.pass]).toEqual([200, true]);
  expect((await api.ask("GET", "/v1/mailboxes/help", { key: otherKey })).body.code).toBe("mailbox_not_found");
});

test("the secret that signs the call to a person leaves the webhook's as it is, and is kept and cleared alone", async () => {
  const secret = () => `whsec_${randomBytes(32).toString("base64")}`;
  const url = "https://a.example";
  const stored = async (webhook: object, escalate: object) => {
    const answer = { from: "help@example.org", requireAuthentication: false };
    const body = {
      ...mailbox,
      folder: "Signs",
      answer: { ...answer, webhook: { url, ...webhook }, escalate: { url, ...escalate } },
    };
    const put = await api.ask("PUT", "/v1/mailboxes/signs", { key, body });
    expect(put.body.secrets, JSON.stringify(put.body)).toBeDefined();
    const { uid } = (await api.store.mailboxes.get("acme", "signs")) as { uid: number };
    return (await api.store.mailboxes.open(uid))?.secrets;
  };
  const [hooks, calls, other] = [secret(), secret(), secret()];
  const both = { pass: "secret", webhookSecret: hooks, escalateSecret: calls };
  expect(await stored({ secret: hooks }, { secret: calls })).toEqual(both);
  expect(await stored({}, {})).toEqual(both);
  expect(await stored({}, { secret: other })).toEqual({ ...both, escalateSecret: other });
  expect(await stored({}, { secret: null })).toEqual({ pass: "secret", webhookSecret: hooks });
});

test("no stored secret goes to another place: it is asked for again, and nothing is changed", async () => {
  const model = { url: "https://m.example/v1", model: "m", systemPrompt: "help" };
  const answer = { from: "help@example.org", requireAuthentication: false, model };
  const ask = (body: object) => api.ask("PUT", "/v1/mailboxes/moves", { key, body: { ...body, folder: "Moves" } });
  expect((await ask({ ...mailbox, answer: { ...answer, model: { ...model, key: "k" } } })).status).toBe(201);
  const left = { ...mailbox, auth: { user: "help@example.org" }, answer };
  expect((await ask(left)).body.secrets).toMatchObject({ pass: true, modelKey: true });
  const refused = async (changes: object) => {
    const { status, body } = await ask({ ...left, ...changes });
    return [status, ...body.errors.map((error: { path: string; code: string }) => `${error.code} ${error.path}`)];
  };
  expect(await refused({ host: "evil.example" })).toEqual([400, "secret_required /auth/pass"]);
  expect(await refused({ security: "none", port: 993, allowClearTextAuth: true })).toEqual([
    400,
    "secret_required /auth/pass",
  ]);
  expect(await refused({ answer: { ...answer, model: { ...model, url: "https://evil.example/v1" } } })).toEqual([
    400,
    "secret_required /answer/model/key",
  ]);
  const { body } = await api.ask("GET", "/v1/mailboxes/moves", { key });
  expect([body.host, body.answer.model.url]).toEqual([mailbox.host, model.url]);
  expect((await ask({ ...left, host: "new.example", auth: mailbox.auth })).status).toBe(200);
});

const wrong: readonly (readonly [string, object, string])[] = [
  ["an authority that is no certificate", { caPem: "my authority" }, "/caPem"],
  ["no answer for the role", { answer: undefined }, "/answer"],
  ["an answer for bounces", { role: "bounces" }, "/answer"],
  ["two answerers", { answer: { ...mailbox.answer, webhook: { url: "https://a.example", secret: "x" } } }, "/answer"],
  ["a From that is none", { answer: { ...mailbox.answer, from: "nobody" } }, "/answer/from"],
  ["a poll interval too short", { pollInterval: "1s" }, "/pollInterval"],
  [
    "a template that is not Liquid",
    { answer: { ...mailbox.answer, template: { text: "{% if %}" } } },
    "/answer/template/text",
  ],
  [
    "a webhook without its secret",
    { answer: { from: "a@example.org", webhook: { url: "https://a.example" } } },
    "/answer/webhook/secret",
  ],
  [
    "a webhook in a private network",
    {
      answer: {
        from: "a@example.org",
        webhook: { url: "https://10.0.0.1/", secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" },
      },
    },
    "/answer/webhook/url",
  ],
  [
    "a webhook secret that cannot sign",
    { answer: { from: "a@example.org", webhook: { url: "https://a.example", secret: "x" } } },
    "/answer/webhook/secret",
  ],
  [
    "a tool that the operator has not defined",
    {
      answer: {
        from: "a@example.org",
        model: { url: "https://a.example/v1", model: "m", systemPrompt: "help", tools: ["orders"] },
      },
    },
    "/answer/model/tools/0",
  ],
  [
    "a tools' token that no header could carry",
    {
      answer: {
        from: "a@example.org",
        model: { url: "https://a.example/v1", model: "m", systemPrompt: "help", toolToken: "a b" },
      },
    },
    "/answer/model/toolToken",
  ],
  [
    "a call to a person that nobody could sign",
    { answer: { ...mailbox.answer, escalate: { url: "https://a.example" } } },
    "/answer/escalate/secret",
  ],
  [
    "a call's secret that cannot sign",
    { answer: { ...mailbox.answer, escalate: { url: "https://a.example", secret: "x" } } },
    "/answer/escalate/secret",
  ],
  [
    "an authentication that no server's word could give",
    { answer: { ...mailbox.answer, requireAuthentication: true } },
    "/authservIds",
  ],
  [
    "a webhook that would never be asked",
    {
      answer: {
        from: "a@example.org",
        webhook: { url: "https://a.example", secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" },
      },
    },
    "/authservIds",
  ],
  ["an account that does not exist", { answer: { ...mailbox.answer, account: "nobody" } }, "/answer/account"],
  ["a login in clear text that nobody has allowed", { security: "none" }, "/allowClearTextAuth"],
  ["a sender list with half an address", { allowedSenders: ["nobody@"] }, "/allowedSenders/0"],
  ["a field that does not exist", { answers: {} }, "/answers"],
];
test("the authorities that a server's certificate may come from are stored, with what else stands around them", async () => {
  const [one, other] = [await makeCertificate(), await makeCertificate()];
  const caPem = `# ours\n${one.cert}\n# and theirs\n${other.cert}`;
  const made = await api.ask("PUT", "/v1/mailboxes/trusts", { key, body: { ...mailbox, folder: "T", caPem } });
  expect([made.status, made.body.caPem]).toEqual([201, caPem]);
});

for (const [name, changes, path] of wrong) {
  test(`${name} is refused when it is stored, with the field's name`, async () => {
    const refused = await api.ask("PUT", "/v1/mailboxes/wrong", { key, body: { ...mailbox, ...changes } });
    expect(refused.status).toBe(400);
    expect(refused.body.errors.map((error: { path: string }) => error.path)).toContain(path);
    expect((await api.ask("GET", "/v1/mailboxes/wrong", { key })).status).toBe(404);
  });
}

test("a message's story is told from arrival to its answer, and what was answered is not requeued", async () => {
  const { store } = api;
  const watcher = await joinAsWorker(store.db, { app: "imap-watch" });
  await api.ask("PUT", "/v1/mailboxes/story", { key, body: { ...mailbox, folder: "Story" } });
  const mailboxUid = (await store.mailboxes.get("acme", "story"))?.uid ?? 0;
  const shards = await store.shards.share(watcher.id, 256);
  const fence = shards.find(({ shard }) => shard === mailboxUid % 256)?.fence ?? 0;
  const owner = { mailboxUid, workerId: watcher.id, fence };
  await store.following.begin(owner);
  const content = Buffer.from(
    'From: ann@example.net\r\nReferences: <root@example.net>\r\nSubject: Hi\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhello\r\n--b\r\nContent-Type: text/html; name=page.html\r\nContent-Disposition: attachment; filename="page.html"\r\n\r\n<script>1</script>\r\n--b--\r\n',
  );
  const uid = newId();
  await store.following.record(owner, { folder: "INBOX", uidValidity: 1 }, [
    {
      uid,
      fingerprint: randomBytes(32),
      messageId: "<hi@example.net>",
      headerFrom: "ann@example.net",
      subject: "Hi",
      imapUid: 4,
      flags: [],
      arrivedAt: new Date(),
      sizeBytes: content.length,
      content,
    },
  ]);
  expect((await api.ask("GET", `/v1/inbound/${uid}`, { key })).body).toMatchObject({
    id: uid,
    mailbox: "story",
    from: "ann@example.net",
    state: "pending",
    place: { folder: "INBOX", uidValidity: 1, uid: 4 },
  });
  const headers = { authorization: `Bearer ${key}` };
  const raw = await fetch(`${api.intake.apiUrl}/v1/inbound/${uid}/content`, { headers });
  expect(Buffer.from(await raw.arrayBuffer()).equals(content)).toBe(true);
  expect((await api.ask("GET", `/v1/inbound/${uid}/attachments`, { key })).body).toEqual({
    items: [{ n: 0, filename: "page.html", contentType: "text/html", sizeBytes: 18 }],
  });
  expect((await api.ask("GET", `/v1/inbound/${uid}/attachments`, { key: otherKey })).status).toBe(404);
  const attachment = await fetch(`${api.intake.apiUrl}/v1/inbound/${uid}/attachments/0`, { headers });
  expect([attachment.headers.get("content-type"), await attachment.text()]).toEqual([
    "application/octet-stream",
    "<script>1</script>",
  ]);
  expect((await api.ask("GET", `/v1/inbound/${uid}/attachments/7`, { key })).body.code).toBe("attachment_not_found");

  const reply = { from: "help@example.org", to: ["ann@example.net"], text: "Hello.", inReplyTo: { inbound: uid } };
  const sent = await api.ask("POST", "/v1/messages", { key, body: { id: "reply-1", ...reply } });
  expect(sent.status, JSON.stringify(sent.body)).toBe(202);
  expect((await api.ask("GET", "/v1/messages/reply-1", { key })).body.subject).toBe("Re: Hi");
  const [stored] = await store.db.query<{ content: string }>(
    "select convert_from(bytes, 'utf8') as content from mailfleet.contents",
  );
  expect(stored?.content).toMatch(
    /^In-Reply-To: <hi@example\.net>\r\nReferences: <root@example\.net> <hi@example\.net>\r$/m,
  );
  const foreign = await api.ask("POST", "/v1/messages", { key: otherKey, body: reply });
  expect(foreign.body.errors[0].code).toBe("inbound_not_found");

  const [ticket] = (await store.answering.claim(watcher.id, 1, 1)) as [Ticket];
  await store.answering.askForApproval(ticket, {
    draft: { from: "a", to: "ann@example.net", subject: "Re: Hi", text: "draft" },
  });
  expect((await api.ask("POST", `/v1/inbound/${uid}/approve`, { key: otherKey, body: {} })).status).toBe(404);
  for (const field of ["subject", "text", "html"]) {
    const blank = await api.ask("POST", `/v1/inbound/${uid}/approve`, { key, body: { html: "<p>x", [field]: " " } });
    expect([blank.status, blank.body.errors]).toMatchObject([400, [{ path: `/${field}`, code: "too_short" }]]);
  }
  const approved = await api.ask("POST", `/v1/inbound/${uid}/approve`, { key, body: { text: "edited" } });
  expect([approved.status, approved.body.state, approved.body.decidedBy === null]).toEqual([202, "pending", false]);
  expect(api.woken).toContain(uid);
  const [again] = (await store.answering.claim(watcher.id, 1, 1)) as [Ticket];
  expect(again.approved).toMatchObject({ text: "edited" });
  await store.answering.end(again, { state: "failed", reason: "no_account" });
  expect((await api.ask("POST", `/v1/inbound/${uid}/reject`, { key, body: {} })).body).toMatchObject({
    code: "inbound_not_awaiting_approval",
    detail: "It does not wait for approval.",
  });
  expect((await api.ask("POST", `/v1/inbound/${uid}/requeue`, { key })).body).toMatchObject({
    state: "pending",
    run: 2,
  });
  expect((await api.ask("GET", "/v1/inbound?mailbox=story&state=pending", { key })).body.items).toHaveLength(1);
  expect((await api.ask("DELETE", "/v1/mailboxes/story", { key })).status).toBe(204);
  expect((await api.ask("GET", `/v1/inbound/${uid}`, { key })).body).toMatchObject({
    state: "skipped",
    reason: "mailbox_deleted",
    mailbox: "story",
  });
  expect((await api.ask("GET", "/v1/inbound?mailbox=story", { key })).body.items).toHaveLength(1);
});

test("a reason that no message has is refused, and not taken for an empty list", async () => {
  const asked = (reason: string) => api.ask("GET", `/v1/inbound?reason=${reason}`, { key });
  expect((await asked("hourly_cap")).status).toBe(200);
  expect((await asked("webhook_timeout")).status).toBe(200);
  const refused = await asked("hourly_cup");
  expect([refused.status, refused.body.errors]).toMatchObject([400, [{ path: "/reason", code: "bad_value" }]]);
});

test("a question is answered by a worker, and without one says which is missing", async () => {
  const { store } = api;
  const asked = api.ask("POST", "/v1/mailboxes/help/try", {
    key,
    raw: "Subject: Hi\r\n\r\nhello\r\n",
    headers: { "content-type": "message/rfc822" },
  });
  await expect
    .poll(async () => {
      const [question] = await store.questions.take("try", 1, 1);
      if (question)
        await store.questions.answer(question.id, { decision: "skip", reason: "loop", size: question.bytes?.length });
      return question !== undefined;
    })
    .toBe(true);
  expect((await asked).body).toEqual({ decision: "skip", reason: "loop", size: 22 });
});

test("whoever sends a trial in another form is told both that it takes", async () => {
  const raw = "Subject: Hi\r\n\r\nhello\r\n";
  const asked = (path: string, type: string) =>
    api.ask("POST", `/v1/mailboxes/help/${path}`, { key, raw, headers: { "content-type": type } });
  const refused = await asked("try", "text/plain");
  expect([refused.status, refused.body.code]).toEqual([415, "unsupported_media_type"]);
  expect(refused.body.detail).toBe("Send Content-Type: application/json or message/rfc822.");
  expect((await asked("backfill", "text/plain")).body.detail).toBe("Send Content-Type: application/json.");
  expect((await asked("backfill", "message/rfc822")).body.detail).toBe("Send Content-Type: application/json.");
  expect((await asked("try", "garbage")).status).toBe(415);
});

test("the kill switches of mailbox, tenant and fleet are set and lifted", async () => {
  const stop = (what: string) => api.ask("POST", `/v1/mailboxes/help/${what}-answering`, { key });
  const stoppedBy = async () => (await api.ask("GET", "/v1/mailboxes/help", { key })).body.stoppedBy;
  expect((await stop("stop")).body).toMatchObject({ answeringStopped: true, stoppedBy: "mailbox" });
  expect((await stop("start")).body).toMatchObject({ answeringStopped: false, stoppedBy: null });
  const byTenant = { stopped: true, stoppedBy: "tenant" };
  const byFleet = { stopped: true, stoppedBy: "fleet" };
  const onward = { stopped: false, stoppedBy: null };
  expect((await api.ask("POST", "/v1/answering/stop", { key })).body).toEqual(byTenant);
  expect(await stoppedBy()).toBe("tenant");
  expect((await api.ask("GET", "/v1/answering", { key: otherKey })).body).toEqual(onward);
  expect((await api.ask("POST", "/v1/answering/stop")).body).toEqual(byFleet);
  expect((await api.ask("POST", "/v1/answering/start", { key })).body).toEqual(byFleet);
  expect((await api.ask("GET", "/v1/mailboxes", { key })).body.items[0].stoppedBy).toBe("fleet");
  expect((await api.ask("POST", "/v1/answering/start")).body).toEqual(onward);
  expect(await stoppedBy()).toBe(null);
});
