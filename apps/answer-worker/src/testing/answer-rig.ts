import { randomBytes } from "node:crypto";
import { noOperatorConfig, type OperatorConfig } from "@mailfleet/answer";
import { type AnswerSettings, type MailboxSecrets, type MailboxSettings, newId } from "@mailfleet/mail";
import { openParser } from "@mailfleet/parser";
import {
  type FoundMessage,
  type InboundDetail,
  joinAsWorker,
  type Ownership,
  openStore,
  type Store,
  type Ticket,
} from "@mailfleet/store";
import { openTelemetry } from "@mailfleet/telemetry";
import { privateDatabase } from "@mailfleet/testkit";
import { type AnswerDeps, answerOne } from "../answer-one.ts";

export const answerSettings: AnswerSettings = {
  answerer: { kind: "template", text: "Thank you, {{ from.name }}." },
  mode: "send",
  from: "Help <help@acme.test>",
  quoteOriginal: false,
  markAnswered: true,
  markSeen: false,
  inDoubt: "hold",
  limits: { perCorrespondentPerDay: 100, perHour: 1_000, threadDepth: 10 },
  requireAuthentication: false,
  maxTries: 3,
};

export const mailboxSettings: MailboxSettings = {
  host: "127.0.0.1",
  port: 143,
  security: "none",
  auth: { kind: "password", user: "help@acme.test" },
  folder: "INBOX",
  mode: "idle",
  pollIntervalMs: 60_000,
  take: "unseen",
  role: "answer",
  answer: answerSettings,
  maxAgeMs: 259_200_000,
  recordsReturnPath: false,
  authservIds: [],
  ownAddresses: [],
};

export interface MailboxChanges {
  readonly settings?: Partial<MailboxSettings>;
  readonly answer?: Partial<AnswerSettings>;
  readonly secrets?: MailboxSecrets;
}

/** A mailbox whose watcher is the test itself. */
export interface RiggedMailbox {
  readonly uid: number;
  readonly tenantId: string;
  /** A message arrives; its inbound uid. */
  arrive(eml: string, changes?: Partial<FoundMessage>): Promise<string>;
  change(changes: MailboxChanges): Promise<void>;
  /** Carries out what is to be done in the mailbox, as its owner does; the actions, with what was appended. */
  actions(): Promise<readonly { readonly kind: string; readonly [detail: string]: unknown }[]>;
  /** Its owner looks, and finds these flags; or fetches what lies there. */
  look(flags: readonly string[] | "gone"): Promise<void>;
}

export interface AnswerRig extends AsyncDisposable {
  readonly store: Store;
  readonly databaseUrl: string;
  readonly secretKey: string;
  readonly deps: AnswerDeps;
  /** Accounts that were woken. */
  readonly woken: number[];
  readonly log: { readonly event: string; readonly [field: string]: unknown }[];
  /** Moves the clock that the worker sees. */
  wait(ms: number): void;
  mailbox(tenantId: string, changes?: MailboxChanges): Promise<RiggedMailbox>;
  claim(): Promise<Ticket>;
  /** Claims and answers whatever is due, one after the other; how many it was. */
  answerAll(changes?: Partial<AnswerDeps>, signal?: AbortSignal): Promise<number>;
  story(tenantId: string, uid: string): Promise<InboundDetail>;
  /** The answer in the outbox, as text; undefined where there is none. */
  outgoing(tenantId: string, uid: string): Promise<string | undefined>;
}

/** One letter, from a person. */
export const letter = (changes: Readonly<Record<string, string>> = {}, body = "When do you open?"): string => {
  const fields = {
    From: "Ann <ann@peer.test>",
    To: "help@acme.test",
    Subject: "Opening hours",
    "Message-ID": `<${newId()}@peer.test>`,
    Date: new Date().toUTCString(),
    ...changes,
  };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${lines.join("")}\r\n${body}\r\n`;
};

export async function openAnswerRig(operator: OperatorConfig = noOperatorConfig): Promise<AnswerRig> {
  const database = await privateDatabase();
  const secretKey = randomBytes(32).toString("base64");
  const store = openStore({ databaseUrl: database.url, poolSize: 6, secretKeys: [secretKey] });
  const watcher = await joinAsWorker(store.db, { app: "imap-watch" });
  const worker = await joinAsWorker(store.db, { app: "answer-worker" });
  const shards = await store.shards.share(watcher.id, 256);
  const parser = openParser({ processes: 1 });
  const woken: number[] = [];
  const log: AnswerRig["log"] = [];
  const telemetry = openTelemetry("answer-worker", {
    logLevel: "debug",
    processMetrics: false,
    destination: { write: (line: string) => void log.push(JSON.parse(line)) },
  });
  let aheadMs = 0;
  const deps: AnswerDeps = {
    store,
    parser,
    operator,
    telemetry,
    wakeOutbox: (uid) => void woken.push(uid),
    lookAfterMs: 60_000,
    nowMs: () => worker.databaseNowMs() + aheadMs,
    random: () => 0.5,
  };
  const ownerOf = (mailboxUid: number): Ownership => {
    const shard = shards.find((one) => one.shard === mailboxUid % 256);
    return { mailboxUid, workerId: watcher.id, fence: shard?.fence ?? -1 };
  };

  return {
    store,
    databaseUrl: database.url,
    secretKey,
    deps,
    woken,
    log,
    wait(ms) {
      aheadMs += ms;
    },
    async mailbox(tenantId, first = {}) {
      if (!(await store.tenants.get(tenantId))) await store.tenants.put(tenantId, {});
      await store.accounts.put(tenantId, "main", { host: "hop.test", port: 25, security: "none" });
      const put = async ({ settings, answer, secrets }: MailboxChanges) => {
        const all = { ...mailboxSettings, ...settings, answer: { ...answerSettings, ...answer } };
        const done = await store.mailboxes.put(tenantId, "help", all, { pass: "hush", ...secrets });
        if (done.kind !== "put") throw new Error(done.kind);
        return done.mailbox.uid;
      };
      const uid = await put(first);
      const owner = ownerOf(uid);
      if (!(await store.following.begin(owner))) throw new Error("the shard is another's");
      let imapUid = 0;
      /** What lies in the mailbox, by inbound uid. */
      const contents = new Map<string, Buffer>();
      const settle = async (found: readonly string[] | "gone") => {
        const due = await store.mailboxActions.due(uid, 100);
        for (const { id, action, inbound } of due) {
          const isGone = found === "gone";
          const looked = { kind: "looked", flags: isGone ? [] : found, isReplied: false, isGone } as const;
          const content = isGone ? undefined : contents.get(inbound?.uid ?? "");
          const fetched = content
            ? ({ kind: "fetched", sizeBytes: content.length, content } as const)
            : ({ kind: "given_up", trouble: "it has gone" } as const);
          const outcome =
            action.kind === "look" ? looked : action.kind === "fetch" ? fetched : { kind: "done" as const };
          await store.mailboxActions.settle(owner, id, outcome);
        }
        return due.map(({ action }) => action);
      };
      return {
        uid,
        tenantId,
        async arrive(eml, changes) {
          const content = Buffer.from(eml);
          const found: FoundMessage = {
            uid: newId(),
            fingerprint: randomBytes(32),
            imapUid: ++imapUid,
            flags: [],
            arrivedAt: new Date(),
            sizeBytes: content.length,
            ...(changes?.skip ? {} : { content }),
            ...changes,
          };
          const recorded = await store.following.record(owner, { folder: "INBOX", uidValidity: 7 }, [found]);
          const recordedAs = recorded?.[0]?.uid ?? "";
          contents.set(recordedAs, content);
          return recordedAs;
        },
        change: async (changes) => void (await put(changes)),
        actions: () => settle([]),
        look: async (flags) => void (await settle(flags)),
      };
    },
    async claim() {
      const [ticket] = await store.answering.claim(worker.id, 1, 100);
      if (!ticket) throw new Error("nothing is due");
      return ticket;
    },
    async answerAll(changes = {}, signal = new AbortController().signal) {
      let count = 0;
      for (;;) {
        const [ticket] = await store.answering.claim(worker.id, 1, 100);
        if (!ticket) return count;
        await answerOne({ ...deps, ...changes }, ticket, signal);
        count++;
      }
    },
    async story(tenantId, uid) {
      const story = await store.inbound.get(tenantId, uid);
      if (!story) throw new Error("there is no such message");
      return story;
    },
    async outgoing(tenantId, uid) {
      const message = (await store.inbound.get(tenantId, uid))?.answer?.messageUid;
      const content = message && (await store.messages.content(tenantId, message));
      return content && "bytes" in content ? Buffer.from(content.bytes).toString() : undefined;
    },
    async [Symbol.asyncDispose]() {
      await parser[Symbol.asyncDispose]();
      await telemetry[Symbol.asyncDispose]();
      await watcher[Symbol.asyncDispose]();
      await worker[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
    },
  };
}
