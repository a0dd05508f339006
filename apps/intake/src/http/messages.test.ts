import { afterAll, beforeAll, describe, expect, test } from "vitest";
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

  const text = await contentOf(body.id);
  expect(text).toContain(`Message-ID: ${body.messageId}`);
  expect(text).toContain("Subject: Hello");

  const shown = await running.ask("GET", `/v1/messages/${body.id}`, { key });
  expect(shown.body).toMatchObject({ id: body.id, state: "pending", from: "ann@acme.test", counts: { pending: 1 } });
  expect(shown.body.deliveries[0].id).toBe(body.deliveries[0].id);
});

const contentOf = async (id: string): Promise<string> => {
  const content = await running.store.messages.content("acme", id);
  return Buffer.from(content && "bytes" in content ? content.bytes : []).toString();
};

test("each mailbox of to, cc and bcc is one delivery, and bcc is in no header", async () => {
  const { body } = await submit({
    ...hello,
    to: ["Bob <bob@peer.test>", { name: "Eve", address: "eve@PEER.test" }],
    cc: "bob@peer.test",
    bcc: ["secret@peer.test", "EVE@peer.test"],
  });
  const recipients = body.deliveries.map(({ recipient }: { recipient: string }) => recipient);
  expect(recipients).toEqual(["bob@peer.test", "eve@peer.test", "secret@peer.test"]);
  expect(await contentOf(body.id)).not.toContain("secret");
});

test("a reverse-path of one's own goes into the envelope; <> is the null one", async () => {
  const own = await submit({ ...hello, returnPath: "bounce+1@acme.test" });
  const none = await submit({ ...hello, returnPath: "<>" });
  const shown = async (id: string) => (await running.ask("GET", `/v1/messages/${id}`, { key })).body.returnPath;
  expect([await shown(own.body.id), await shown(none.body.id)]).toEqual(["bounce+1@acme.test", "<>"]);
});

test("threads and own header fields are carried into the header", async () => {
  const headers = { "X-Kind": "note", "In-Reply-To": "<a@peer.test>", References: "<0@peer.test> <a@peer.test>" };
  const { body } = await submit({ ...hello, headers });
  const content = await contentOf(body.id);
  expect(content).toContain("X-Kind: note\r\n");
  expect(content).toContain("In-Reply-To: <a@peer.test>\r\n");
  expect(content).toMatch(/References: <0@peer\.test>\s+<a@peer\.test>/);
});

test("what a message says about itself is found again", async () => {
  const { body } = await submit({
    ...hello,
    id: "find-me",
    batch: "spring",
    tags: ["a", "b"],
    metadata: { order: 7, "back\\u0000slash": "x" },
    priority: "high",
    inDoubt: "hold",
    sendAt: new Date(Date.now() + 3_600_000).toISOString(),
  });
  const { body: shown } = await running.ask("GET", "/v1/messages/find-me", { key });
  expect(shown).toMatchObject({
    messageId: body.messageId,
    batch: "spring",
    tags: ["a", "b"],
    metadata: { order: 7, "back\\u0000slash": "x" },
    priority: "high",
    inDoubt: "hold",
    via: "http",
  });
  for (const query of ["batch=spring", "tag=b", "state=pending&batch=spring"]) {
    const { body: list } = await running.ask("GET", `/v1/messages?${query}`, { key });
    expect(list.items.map(({ id }: { id: string }) => id)).toEqual(["find-me"]);
    expect(list.nextCursor).toBeNull();
  }
});

test("immediate mail asks for the express queue", async () => {
  await submit({ ...hello, priority: "immediate" });
  expect(running.woken.at(-1)).toMatch(/!$/);
});

describe("the same id is the same message", () => {
  test("the same content is answered with the first result, however often it comes", async () => {
    const first = await submit({ ...hello, id: "once" });
    const again = await submit({
      text: hello.text,
      subject: hello.subject,
      id: "once",
      from: hello.from,
      to: [hello.to],
    });
    expect([first.status, again.status]).toEqual([202, 200]);
    expect(again.body).toEqual(first.body);
  });

  test("other content is a conflict, and changes nothing", async () => {
    await submit({ ...hello, id: "taken" });
    const other = await submit({ ...hello, id: "taken", text: "Bye" });
    expect([other.status, other.body.code]).toEqual([409, "id_conflict"]);
    const { body } = await running.ask("GET", "/v1/messages?limit=200", { key });
    expect(body.items.filter(({ id }: { id: string }) => id === "taken")).toHaveLength(1);
  });

  test("twenty at once make one message", async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => submit({ ...hello, id: "race" })));
    expect(answers.filter(({ status }) => status === 202)).toHaveLength(1);
    expect(new Set(answers.map(({ body }) => body.messageId)).size).toBe(1);
  });

  test("Idempotency-Key stands in for the id", async () => {
    const first = await submit(hello, { "idempotency-key": "by-header" });
    const again = await submit({ ...hello, id: "by-header" });
    expect([first.status, again.status, again.body.id]).toEqual([202, 200, "by-header"]);
  });

  test("an Idempotency-Key that differs from the id, or is no id, is refused", async () => {
    const differs = await submit({ ...hello, id: "one" }, { "idempotency-key": "two" });
    expect([differs.status, differs.body.code]).toEqual([400, "idempotency_key_differs"]);
    const bad = await submit(hello, { "idempotency-key": "a b" });
    expect([bad.status, bad.body.errors[0].path]).toEqual([400, "Idempotency-Key"]);
  });
});

describe("a batch", () => {
  const batch = (body: unknown) => running.ask("POST", "/v1/messages/batch", { key, body });

  test("accepts and rejects each message by itself, with the defaults merged in", async () => {
    const { status, body } = await batch({
      defaults: { from: "ann@acme.test", subject: "Hello", batch: "b1" },
      messages: [
        { id: "b-0", to: "b0@peer.test" },
        { id: "b-1", to: "nobody" },
        { id: "b-2", to: "b2@peer.test", subject: "Own" },
        7,
        { id: "b-2", to: "other@peer.test" },
        { id: "b-5", to: "b5@peer.test", nope: 1 },
        { id: "b-6", to: "b6@peer.test", account: "none" },
      ],
    });
    expect(status).toBe(202);
    expect(body.accepted.map(({ index, id }: { index: number; id: string }) => [index, id])).toEqual([
      [0, "b-0"],
      [2, "b-2"],
    ]);
    const rejected = body.rejected.map((one: { index: number; id: string; code: string }) => [
      one.index,
      one.id,
      one.code,
    ]);
    expect(rejected).toEqual([
      [1, "b-1", "invalid_request"],
      [3, null, "invalid_request"],
      [4, "b-2", "id_conflict"],
      [5, "b-5", "invalid_request"],
      [6, "b-6", "unknown_account"],
    ]);
    const found = await running.ask("GET", "/v1/messages/b-2", { key });
    expect(found.body).toMatchObject({ subject: "Own", batch: "b1" });
  });

  test("may be sent again as a whole", async () => {
    const body = { messages: Array.from({ length: 300 }, (_, i) => ({ ...hello, id: `again-${i}` })) };
    const first = await batch(body);
    const again = await batch(body);
    expect(first.body.rejected).toEqual([]);
    expect(again.body).toEqual(first.body);
  });

  const bad: readonly (readonly [unknown, string])[] = [
    [{}, "/messages"],
    [{ messages: {} }, "/messages"],
    [{ messages: [] }, "/messages"],
    [{ messages: new Array(1_001).fill(hello) }, "/messages"],
    [{ messages: [hello], extra: 1 }, "/extra"],
    [{ messages: [hello], defaults: 1 }, "/defaults"],
    [{ messages: [hello], defaults: { id: "x" } }, "/defaults/id"],
    [{ messages: [hello], defaults: { priority: "x" } }, "/defaults/priority"],
  ];
  test.each(bad)("%#: one that is wrong as a whole is refused as a whole", async (body, path) => {
    const answer = await batch(body);
    expect([answer.status, answer.body.errors[0].path]).toEqual([400, path]);
  });
});

test("what is not sent yet can be cancelled, delivery by delivery", async () => {
  const { body } = await submit({ ...hello, to: ["b1@peer.test", "b2@peer.test"] });
  const first = await running.ask("DELETE", `/v1/messages/${body.id}`, { key });
  expect(first.body.deliveries.map(({ result }: { result: string }) => result)).toEqual(["cancelled", "cancelled"]);
  const again = await running.ask("DELETE", `/v1/messages/${body.id}`, { key });
  expect(again.body.deliveries.map(({ result }: { result: string }) => result)).toEqual(["ended", "ended"]);
  const shown = await running.ask("GET", `/v1/messages/${body.id}`, { key });
  const counted = (await running.telemetry.metrics()).match(/^mailfleet_cancelled_total\{.*$/gm);
  expect(counted).toEqual(['mailfleet_cancelled_total{by="tenant"} 2']);
  expect(shown.body).toMatchObject({ state: "done", counts: { cancelled: 2 } });

  const delivery = body.deliveries[0].id;
  const resent = await running.ask("POST", `/v1/deliveries/${delivery}/resend`, { key });
  expect([resent.status, resent.body.resendOf]).toEqual([201, delivery]);
  const twice = await running.ask("POST", `/v1/deliveries/${delivery}/resend`, { key });
  expect([twice.status, twice.body.code]).toEqual([409, "delivery_resent"]);
});

test("a message that names no account, or one that is not there, is not accepted", async () => {
  const unknown = await submit({ ...hello, account: "none" });
  expect([unknown.status, unknown.body.code]).toEqual([422, "unknown_account"]);
  await running.ask("PUT", "/v1/tenants/bare", {});
  const bare = await running.ask("POST", "/v1/messages", { tenant: "bare", body: hello });
  expect([bare.status, bare.body.code]).toEqual([422, "no_account"]);
});

test("a tenant with allowed senders sends as nobody else", async () => {
  await running.ask("PUT", "/v1/tenants/strict", { body: { allowedSenders: ["@strict.test", "one@other.test"] } });
  const tenant = "strict";
  const account = { host: "127.0.0.1", port: 25, security: "none" };
  await running.ask("PUT", "/v1/accounts/main", { tenant, body: account });
  const from = async (sender: string, returnPath?: string) =>
    (await running.ask("POST", "/v1/messages", { tenant, body: { ...hello, from: sender, returnPath } })).status;
  expect(await from("ann@strict.test")).toBe(202);
  expect(await from("ONE@other.test")).toBe(202);
  expect(await from("two@other.test")).toBe(403);
  expect(await from("ann@sub.strict.test")).toBe(403);
  expect(await from("ann@strict.test", "two@other.test")).toBe(403);
});

test("a suspended tenant's mail is refused until it is activated", async () => {
  const other = await running.makeTenant("paused");
  const send = () => running.ask("POST", "/v1/messages", { key: other.key, body: hello });
  await running.ask("POST", "/v1/tenants/paused/suspend");
  const refused = await send();
  expect([refused.status, refused.body.code]).toEqual([403, "tenant_suspended"]);
  await running.ask("POST", "/v1/tenants/paused/activate", { body: {} });
  expect((await send()).status).toBe(202);
});

test("above a used-up limit an account that rejects answers 429 and says when to come back", async () => {
  const other = await running.makeTenant("hasty");
  const account = { host: "127.0.0.1", port: 25, security: "none", limits: { perHour: 1, behavior: "reject" } };
  await running.ask("PUT", "/v1/accounts/main", { key: other.key, body: account });
  await running.store.db.query("update mailfleet.queue_keys set hour_used = 1, hour_start = now() where per_hour = 1");
  const refused = await running.ask("POST", "/v1/messages", { key: other.key, body: hello });
  expect([refused.status, refused.body.code]).toEqual([429, "rate_limited"]);
  expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(3_500);
});

test("10 MB of text is mail like any other", async () => {
  const { status, durationMs } = await submit({ ...hello, text: "Hello, World! ".repeat(750_000) });
  expect(status).toBe(202);
  expect(durationMs).toBeLessThan(5_000);
});
