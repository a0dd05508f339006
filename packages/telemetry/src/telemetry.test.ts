import { readFile } from "node:fs/promises";
import type { Outcome } from "@mailfleet/mail";
import { expect, test } from "vitest";
import { openTelemetry, type TelemetryOptions, withoutUrlCredentials } from "./index.ts";

const open = (options: Partial<TelemetryOptions> = {}) => {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  const telemetry = openTelemetry("outbox-dispatch", {
    logLevel: "info",
    processMetrics: false,
    destination,
    ...options,
  });
  return {
    telemetry,
    text: () => lines.join(""),
    lines: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>),
    /** The samples of one metric, as Prometheus reads them. */
    samples: async (name: string) => (await telemetry.metrics()).split("\n").filter((line) => line.startsWith(name)),
  };
};

const delivery = {
  deliveryId: "d-1",
  messageId: "m-1",
  tenantId: "acme",
  accountId: "main",
  recipient: "ann@example.org",
};
const attempt = { ...delivery, attempt: 1, priority: "medium", durationMs: 12, acceptedToSentMs: 400 };
const success: Outcome = { kind: "success", reply: { code: 250, status: "2.0.0", text: "queued as 4F1" } };
const error = (kind: "transient_error" | "permanent_error" | "in_doubt"): Outcome => ({
  kind,
  status: "4.4.2",
  reason: "closed",
});

test.each([
  [success, 'mailfleet_sent_total{tenant="acme",account="main"} 1', undefined],
  [error("transient_error"), 'mailfleet_errors_total{tenant="acme",account="main",kind="transient_error"} 1', "info"],
  [error("permanent_error"), 'mailfleet_errors_total{tenant="acme",account="main",kind="permanent_error"} 1', "info"],
  [error("in_doubt"), 'mailfleet_in_doubt_total{tenant="acme",account="main"} 1', "warn"],
] as const)("an attempt that ends in %j is counted, and what goes wrong has a line", async (outcome, sample, level) => {
  const { telemetry, lines, samples } = open();
  telemetry.attempted({ ...attempt, outcome });
  expect(await samples("mailfleet_")).toContain(sample);
  expect(await samples("mailfleet_attempt_seconds_count")).toEqual([
    `mailfleet_attempt_seconds_count{outcome="${outcome.kind}"} 1`,
  ]);
  expect(lines().map((line) => [line.level, line.app, line.event, line.outcome, line.recipient])).toEqual(
    level ? [[level, "outbox-dispatch", "attempted", outcome.kind, "ann@example.org"]] : [],
  );
});

test("the time from acceptance to the next hop's yes is kept by priority, in seconds", async () => {
  const { telemetry, samples } = open();
  telemetry.attempted({ ...attempt, outcome: success });
  expect(await samples("mailfleet_accepted_to_sent_seconds_sum")).toEqual([
    'mailfleet_accepted_to_sent_seconds_sum{priority="medium"} 0.4',
  ]);
});

test("what goes well has its line at debug, with all ids on it", () => {
  const { telemetry, lines } = open({ logLevel: "debug" });
  telemetry.attempted({ ...attempt, outcome: success });
  expect(lines()).toMatchObject([{ ...delivery, attempt: 1, outcome: "success", level: "debug" }]);
});

test("no address ever becomes a label", async () => {
  const { telemetry } = open();
  telemetry.attempted({ ...attempt, outcome: error("permanent_error") });
  telemetry.deadLettered({ ...delivery, attempt: 1, status: "5.1.1", reason: "no such user" });
  telemetry.suppressed({ ...delivery, reason: "complaint" });
  telemetry.held({ ...delivery, reason: "in_doubt" });
  telemetry.cancelled({ ...delivery, by: "tenant" });
  telemetry.deferred({ ...delivery, attempt: 1, nextAt: new Date() });
  expect(await telemetry.metrics()).not.toContain("@");
});

test("only so many tenants and accounts have labels of their own; the rest shares one, and none is lost", async () => {
  const { telemetry, samples } = open({ maxTenantLabels: 2, maxAccountLabels: 3 });
  for (let tenant = 0; tenant < 50; tenant++) {
    for (let account = 0; account < 4; account++) {
      telemetry.attempted({ ...attempt, tenantId: `t${tenant}`, accountId: `a${account}`, outcome: success });
    }
  }
  const sent = await samples("mailfleet_sent_total");
  expect(sent.map((sample) => Number(sample.split(" ")[1])).reduce((a, b) => a + b)).toBe(200);
  expect(sent).toEqual([
    'mailfleet_sent_total{tenant="t0",account="a0"} 1',
    'mailfleet_sent_total{tenant="t0",account="a1"} 1',
    'mailfleet_sent_total{tenant="t0",account="a2"} 1',
    'mailfleet_sent_total{tenant="t0",account="other"} 1',
    'mailfleet_sent_total{tenant="t1",account="other"} 4',
    'mailfleet_sent_total{tenant="other",account="other"} 192',
  ]);
});

test("a code that is none cannot fill the memory", async () => {
  const { telemetry, samples } = open();
  for (let i = 0; i < 1_000; i++)
    telemetry.smtpSession({ sessionId: "s", result: `r${i}`, remoteAddress: "::1", messages: 0, durationMs: 1 });
  expect((await samples("mailfleet_smtp_sessions_total")).length).toBeLessThan(100);
});

test("secrets, content and stray addresses are kept out of the log, wherever a caller puts them", () => {
  const { telemetry, text } = open();
  telemetry.log.info(
    { password: "hush", account: { auth: { pass: "hush" } }, headers: { authorization: "hush" } },
    "one",
  );
  telemetry.log.info(
    { message: { subject: "hush", to: "hush", content: "hush" }, secretKeys: { keys: ["hush"] } },
    "two",
  );
  const cause = new Error("connect to redis://u:hush@redis:6379/0 failed");
  telemetry.log.error({ err: Object.assign(new Error("no", { cause }), { config: { password: "hush" } }) }, "three");
  expect(text()).not.toContain("hush");
  expect(text()).toContain("redis://[redacted]@redis:6379/0");
});

test.each([
  ["postgres://u:p@h/db", "postgres://[redacted]@h/db"],
  ["at https://h/path of ann@example.org", "at https://h/path of ann@example.org"],
  ["a://b:c@d and e://f@g", "a://[redacted]@d and e://[redacted]@g"],
])("%j is shown as %j", (text, shown) => {
  expect(withoutUrlCredentials(text)).toBe(shown);
});

test("apps in one process share their metrics, and each has its name on its lines", async () => {
  const { telemetry, lines, samples } = open();
  telemetry.forApp("intake").accepted({
    messageId: "m",
    tenantId: "t",
    accountId: "a",
    origin: "http",
    priority: "low",
    recipients: 1,
    sizeBytes: 2_048,
  });
  telemetry.forApp("intake").log.info({}, "hello");
  expect(await samples("mailfleet_accepted_total")).toEqual(['mailfleet_accepted_total{origin="http"} 1']);
  expect(lines()).toMatchObject([{ app: "intake", msg: "hello" }]);
});

test("sampled figures are what was sampled last, and nothing once another process samples", async () => {
  const { telemetry, samples } = open();
  const inbound = {
    waiting: { pending: 2, answering: 1 },
    oldestDueSeconds: 4,
    mailboxes: { following: 3, quarantined: 1 },
  };
  telemetry.outboxSampled({ depth: { pending: 7, retrying: 1 }, oldestDueSeconds: 3, inbound });
  telemetry.outboxSampled({ depth: { pending: 5, retrying: 0 }, oldestDueSeconds: 2, inbound });
  telemetry.queueSampled({ "mailfleet-turns": { waiting: 4 } });
  expect(await samples("mailfleet_outbox")).toEqual([
    'mailfleet_outbox_depth{state="pending"} 5',
    'mailfleet_outbox_depth{state="retrying"} 0',
    "mailfleet_outbox_oldest_due_seconds 2",
  ]);
  expect(await samples("mailfleet_queue_jobs")).toEqual([
    'mailfleet_queue_jobs{queue="mailfleet-turns",state="waiting"} 4',
  ]);
  expect(await samples("mailfleet_mailboxes")).toEqual([
    'mailfleet_mailboxes{state="following"} 3',
    'mailfleet_mailboxes{state="quarantined"} 1',
  ]);
  telemetry.outboxForgotten();
  expect(await samples("mailfleet_outbox_depth")).toEqual([]);
  expect(await samples("mailfleet_mailboxes")).toEqual([]);
});

test("what the fleet does is counted", async () => {
  const { telemetry, samples } = open({ logLevel: "silent" });
  telemetry.accountBlocked({
    tenantId: "t",
    accountId: "a",
    trouble: "authentication",
    status: "4.7.8",
    reason: "535",
    until: new Date(),
  });
  telemetry.accountUnblocked({ tenantId: "t", accountId: "a" });
  telemetry.claimsLapsed({ workerId: "w", claimed: 3, transmitting: 2 });
  telemetry.sweepRepaired({ kind: "wake", count: 4 });
  telemetry.roundFailed(Object.assign(new Error("no lock"), { code: "55P03" }));
  telemetry.roundFailed(new Error("lost"));
  telemetry.wakesDropped({ count: 5, reason: "redis" });
  telemetry.jobQuarantined({ queue: "mailfleet-turns", jobId: "j", reason: "accountUid: invalid_type" });
  telemetry.rateLimited({ tenantId: "t", accountId: "a", deliveries: 6 });
  telemetry.authAttempt({ via: "smtp", result: "failure", remoteAddress: "::1" });
  telemetry.httpRequest({
    requestId: "r",
    method: "GET",
    route: "/v1/messages/:id",
    status: 200,
    durationMs: 1,
    tenantId: "t",
  });
  const all = await samples("mailfleet_");
  expect(all).toEqual(
    expect.arrayContaining([
      'mailfleet_account_blocks_total{tenant="t",account="a",reason="authentication"} 1',
      'mailfleet_lapsed_claims_total{state="claimed"} 3',
      'mailfleet_lapsed_claims_total{state="transmitting"} 2',
      'mailfleet_sweep_repairs_total{kind="wake"} 4',
      'mailfleet_round_failures_total{code="55P03"} 1',
      'mailfleet_round_failures_total{code="none"} 1',
      'mailfleet_dropped_wakes_total{reason="redis"} 5',
      'mailfleet_quarantined_jobs_total{queue="mailfleet-turns"} 1',
      'mailfleet_rate_limited_total{tenant="t",account="a"} 6',
      'mailfleet_auth_attempts_total{result="failure"} 1',
      'mailfleet_http_seconds_count{method="GET",route="/v1/messages/:id",status="200"} 1',
    ]),
  );
});

test("an attempt whose process did not live to tell is counted, and says nothing of how long attempts take", async () => {
  const { telemetry, samples } = open({ logLevel: "silent" });
  telemetry.attempted({ ...delivery, attempt: 1, outcome: error("in_doubt"), priority: "medium" });
  expect(await samples("mailfleet_in_doubt_total")).toEqual([
    'mailfleet_in_doubt_total{tenant="acme",account="main"} 1',
  ]);
  expect(await samples("mailfleet_attempt_seconds_count")).toEqual([]);
});

test("whether the database answers is asked at every scrape", async () => {
  const { telemetry, samples } = open();
  expect(await samples("mailfleet_database_up")).toEqual([]);
  let isThere = true;
  telemetry.measureDatabase(async () => {
    if (!isThere) throw new Error("connection refused");
  });
  expect(await samples("mailfleet_database_up")).toEqual(["mailfleet_database_up 1"]);
  isThere = false;
  expect(await samples("mailfleet_database_up")).toEqual(["mailfleet_database_up 0"]);
});

test("what runs is told with the version of the fleet", async () => {
  const { samples } = open();
  const manifest = JSON.parse(await readFile(new URL("../../../package.json", import.meta.url), "utf8"));
  expect((await samples("mailfleet_build_info"))[0]).toContain(`version="${manifest.version}"`);
});

test("an inbound message is counted once, by how it has ended, and every try that came to nothing by its reason", async () => {
  const { telemetry, samples, lines } = open();
  const inbound = { inboundId: "i-1", tenantId: "acme", mailboxId: "help" };
  telemetry.answered({ ...inbound, answerer: "template", messageId: "<answer-1@example.org>" });
  telemetry.skipped({ ...inbound, reason: "auto_submitted" });
  telemetry.answerFailed({ ...inbound, reason: "webhook_timeout", detail: "late", retryInMs: 30_000 });
  telemetry.answerFailed({ ...inbound, reason: "webhook_timeout", detail: "late" });
  telemetry.modelUsed({ tokens: 120 });
  expect(await samples("mailfleet_inbound_total")).toEqual([
    'mailfleet_inbound_total{outcome="answered"} 1',
    'mailfleet_inbound_total{outcome="skipped"} 1',
    'mailfleet_inbound_total{outcome="failed"} 1',
  ]);
  expect(await samples("mailfleet_answers_total")).toEqual(['mailfleet_answers_total{answerer="template"} 1']);
  expect(await samples("mailfleet_answer_errors_total")).toEqual([
    'mailfleet_answer_errors_total{reason="webhook_timeout"} 2',
  ]);
  expect(await samples("mailfleet_model_tokens_total")).toEqual(["mailfleet_model_tokens_total 120"]);
  expect(lines().map(({ event, reason, level }) => [event, reason, level])).toEqual([
    ["answered", undefined, "info"],
    ["skipped", "auto_submitted", "info"],
    ["answer_failed", "webhook_timeout", "info"],
    ["answer_failed", "webhook_timeout", "warn"],
  ]);
});

test("a mailbox that needs somebody is told of loudly, one that is only away is not", () => {
  const { telemetry, lines } = open();
  const mailbox = { tenantId: "acme", mailboxId: "help" };
  telemetry.mailboxState({ ...mailbox, state: "following" });
  telemetry.mailboxState({
    ...mailbox,
    state: "unreachable",
    reason: "unreachable",
    detail: "ECONNREFUSED",
    retryInMs: 800,
  });
  telemetry.mailboxState({ ...mailbox, state: "quarantined", reason: "authentication", detail: "no" });
  telemetry.mailboxState({ ...mailbox, state: "paused", reason: "uidvalidity_changed" });
  expect(lines().map(({ level, state }) => [level, state])).toEqual([
    ["info", "unreachable"],
    ["warn", "quarantined"],
    ["warn", "paused"],
  ]);
});

test("what was received and skipped at once counts as ended, and shards taken over are counted", async () => {
  const { telemetry, samples } = open();
  const received = { tenantId: "acme", mailboxId: "help", inboundId: "i-1", sizeBytes: 100 };
  telemetry.received(received);
  telemetry.received({ ...received, skipped: "too_old" });
  telemetry.leaseTakenOver({ shards: 0 });
  telemetry.leaseTakenOver({ shards: 3 });
  expect(await samples("mailfleet_inbound_total")).toEqual(['mailfleet_inbound_total{outcome="skipped"} 1']);
  expect(await samples("mailfleet_lease_takeovers_total")).toEqual(['mailfleet_lease_takeovers_total{kind="shard"} 3']);
});
