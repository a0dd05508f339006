/** Wherever an answer worker dies, each message is answered once, and its answer is one message in the outbox. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { type AnswerSettings, type MailboxSettings, newId } from "@mailfleet/mail";
import { inboundCrashPoints } from "@mailfleet/service";
import { type FoundMessage, joinAsWorker, type Store } from "@mailfleet/store";
import { startModelServer } from "@mailfleet/testkit";
import { describe, expect, test } from "vitest";
import { type Fleet, startFleet } from "../fleet/fleet.ts";
import { until } from "../fleet/until.ts";

const points = inboundCrashPoints.filter((point) => point.startsWith("answer-"));
const mail = 24;
/** Messages of the tenant in hand at once. */
const perTenant = 4;

const settings = (modelUrl: string): MailboxSettings => ({
  host: "127.0.0.1",
  port: 143,
  security: "none",
  auth: { kind: "password", user: "help@acme.test" },
  folder: "INBOX",
  mode: "idle",
  pollIntervalMs: 60_000,
  take: "unseen",
  role: "answer",
  maxAgeMs: 259_200_000,
  recordsReturnPath: false,
  authservIds: [],
  ownAddresses: [],
  answer: {
    answerer: {
      kind: "model",
      url: modelUrl,
      model: "small",
      systemPrompt: "Be kind.",
      timeoutMs: 20_000,
      maxOutputTokens: 200,
      images: false,
      threadMessages: 0,
      tools: [],
      httpTools: [],
      linkHosts: [],
      maxSteps: 1,
      tokensPerMessage: 10_000,
    },
    mode: "send",
    from: "help@acme.test",
    quoteOriginal: false,
    markAnswered: true,
    markSeen: false,
    inDoubt: "hold",
    limits: { perCorrespondentPerDay: 1_000, perHour: 1_000, threadDepth: 10 },
    requireAuthentication: false,
    maxTries: 5,
  } satisfies AnswerSettings,
});

const letter = (n: number): FoundMessage => {
  const content = Buffer.from(
    `From: person${n}@peer.test\r\nTo: help@acme.test\r\nSubject: ${n}\r\nMessage-ID: <${n}@peer.test>\r\n\r\nHello.\r\n`,
  );
  return {
    uid: newId(),
    fingerprint: randomBytes(32),
    messageId: `<${n}@peer.test>`,
    imapUid: n,
    flags: [],
    arrivedAt: new Date(),
    sizeBytes: content.length,
    content,
  };
};

/** Records letters as a mailbox's watcher does. */
async function arrive(fleet: Fleet, modelUrl: string): Promise<void> {
  const { store } = fleet;
  const put = await store.mailboxes.put("acme", "help", settings(modelUrl), { pass: "hush", modelKey: "key" });
  if (put.kind !== "put") throw new Error(put.kind);
  await using watcher = await joinAsWorker(store.db, { app: "imap-watch" });
  const shards = await store.shards.share(watcher.id, 256);
  const fence = shards.find(({ shard }) => shard === put.mailbox.uid % 256)?.fence ?? -1;
  const owner = { mailboxUid: put.mailbox.uid, workerId: watcher.id, fence };
  if (!(await store.following.begin(owner))) throw new Error("the shard is another's");
  const letters = Array.from({ length: mail }, (_, n) => letter(n + 1));
  await store.following.record(owner, { folder: "INBOX", uidValidity: 1 }, letters);
}

const count = async (store: Store, text: string): Promise<number> =>
  (await store.db.query<{ n: number }>(`select count(*)::integer as n from ${text}`))[0]?.n ?? -1;

const tooLate = (ms: number) =>
  once(AbortSignal.timeout(ms), "abort").then(() => `nobody came to that point within ${ms} ms`);

describe.concurrent("whichever answer worker dies, and wherever", () => {
  test.for(points)(
    "at %s each message is answered once, and no model is asked again for what it has said",
    { timeout: 120_000 },
    async (point) => {
      await using model = await startModelServer();
      await using fleet = await startFleet();
      await fleet.tenant("acme", { port: 9 });
      const privately = { ANSWER_PRIVATE_NETWORKS: "true", ANSWER_PER_TENANT: String(perTenant) };
      const doomed = fleet.startAnswer({ crash: { point, hit: 5, signal: "SIGKILL" } }, privately);
      await arrive(fleet, model.url);
      expect(await Promise.race([doomed.ended, tooLate(60_000)])).toBe("SIGKILL");
      fleet.startAnswer({}, privately);
      const { store } = fleet;
      await until("all are answered", async () => (await count(store, "mailfleet.answering")) === 0, 60_000);

      expect(await count(store, "mailfleet.inbound where state = 'answered'")).toBe(mail);
      expect(await count(store, "mailfleet.answers")).toBe(mail);
      expect(await count(store, "mailfleet.messages where origin = 'answer'")).toBe(mail);
      expect(await count(store, "mailfleet.deliveries")).toBe(mail);
      expect(await count(store, "mailfleet.mailbox_actions")).toBe(mail);
      // What was in the air when the process died may be asked twice; what one of them had come to is in the journal.
      expect(model.requests.length).toBeLessThan(mail + perTenant);
    },
  );
});
