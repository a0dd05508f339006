import { afterAll, beforeAll, expect, test } from "vitest";
import { type RunningIntake, runIntake } from "./testing/running-intake.ts";

let api: RunningIntake;
let key: string;
beforeAll(async () => {
  api = await runIntake();
  key = (await api.makeTenant("acme")).key;
});
afterAll(() => api[Symbol.asyncDispose]());

const mailbox = {
  host: "imap.example.org",
  auth: { user: "help@example.org", pass: "secret" },
  answer: { from: "help@example.org", template: { text: "Hello" } },
};
const put = (id: string, changes: object = {}) =>
  api.ask("PUT", `/v1/mailboxes/${id}`, { key, body: { ...mailbox, ...changes } });

test("no two mailboxes of a tenant answer the same mail, and the refusal names the one that does", async () => {
  expect((await put("first")).status).toBe(201);
  const taken = [{}, { host: "IMAP.example.org", port: 993 }, { folder: "inbox" }, { filters: { subject: "order" } }];
  for (const changes of taken) {
    const { status, body } = await put("second", changes);
    expect([changes, status, body.code]).toEqual([changes, 409, "mailbox_taken"]);
    expect(body.detail).toContain("first");
  }
  expect((await api.ask("GET", "/v1/mailboxes/second", { key })).status).toBe(404);
  expect((await put("first", { pollInterval: "2m" })).status).toBe(200);
});

test("what lies elsewhere, is not answered, or was split by filters is another mailbox", async () => {
  const others = [
    { folder: "Other" },
    { port: 1993 },
    { auth: { user: "sales@example.org", pass: "secret" } },
    { role: "notify", answer: undefined },
  ];
  for (const [n, changes] of others.entries()) expect((await put(`other-${n}`, changes)).status).toBe(201);
  const split = (subject: string) => ({ folder: "Split", filters: { subject } });
  expect((await put("orders", split("order"))).status).toBe(201);
  expect((await put("offers", split("offer"))).status).toBe(201);
  expect((await put("again", split("offer"))).body.code).toBe("mailbox_taken");
  expect((await put("whole", { folder: "Split" })).body.code).toBe("mailbox_taken");
  const { key: theirs } = await api.makeTenant("other");
  expect((await api.ask("PUT", "/v1/mailboxes/first", { key: theirs, body: mailbox })).status).toBe(201);
});

test("of two mailboxes that are put at the same place at once, one is refused", async () => {
  const both = await Promise.all(["one", "two"].map((id) => put(id, { folder: "Race" })));
  expect(both.map(({ status }) => status).toSorted()).toEqual([201, 409]);
});

test("the last backfill is shown until it has ended, and after; one that begins in the future is refused", async () => {
  await put("past", { folder: "Past" });
  expect((await api.ask("GET", "/v1/mailboxes/past", { key })).body.backfill).toBe(null);
  const since = new Date(Date.now() - 60_000).toISOString();
  const asked = await api.ask("POST", "/v1/mailboxes/past/backfill", { key, body: { since } });
  expect([asked.status, asked.body.backfill]).toMatchObject([202, { since, endedAt: null }]);
  const body = { since: new Date(Date.now() + 60_000).toISOString() };
  const refused = await api.ask("POST", "/v1/mailboxes/past/backfill", { key, body });
  expect([refused.status, refused.body.errors]).toMatchObject([400, [{ path: "/since", code: "bad_value" }]]);
});
