import { randomBytes } from "node:crypto";
import { reader } from "@mailfleet/config";
import type { MailboxSecrets, MailboxSettings } from "@mailfleet/mail";
import { createScope } from "@mailfleet/service";
import {
  type InboundMessage,
  type Mailbox,
  type MailboxAction,
  openStore,
  requestActions,
  type Store,
} from "@mailfleet/store";
import { openTelemetry } from "@mailfleet/telemetry";
import { type PrivateDovecot, privateDatabase } from "@mailfleet/testkit";
import { expect, vi } from "vitest";
import { type WatchSettings, watchSettings } from "../config.ts";
import { startWatch } from "../watch.ts";

/** A watcher in this process. */
export interface RunningWatcher extends AsyncDisposable {
  /** The uids of inbound messages whose answering it asked for. */
  readonly wakes: readonly string[];
  /** Lines of its log, by event. */
  events(event: string): readonly Record<string, unknown>[];
  /** As at SIGTERM. */
  drain(): Promise<void>;
}

export interface WatchRig extends AsyncDisposable {
  readonly store: Store;
  readonly databaseUrl: string;
  readonly secretKey: string;
  watcher(settings?: Partial<WatchSettings>): RunningWatcher;
  /** A mailbox of that user's, of a tenant of its own. */
  mailbox(user: string, changes?: Partial<MailboxSettings>, secrets?: MailboxSecrets): Promise<TestMailbox>;
}

export interface TestMailbox {
  readonly tenantId: string;
  read(): Promise<Mailbox>;
  put(changes: Partial<MailboxSettings>, secrets?: MailboxSecrets): Promise<void>;
  /** What was recorded, in the order in which it was. */
  inbound(): Promise<readonly InboundMessage[]>;
  /** Waits until these Message-IDs' local parts are what was recorded, in any order; the messages in that order. */
  has(...ids: string[]): Promise<readonly InboundMessage[]>;
  is(state: Mailbox["state"]): Promise<Mailbox>;
  /** Asks for something to be done about a message. */
  asks(message: InboundMessage, ...actions: MailboxAction[]): Promise<void>;
}

export const waiting = { timeout: 20_000, interval: 10 };
let tenants = 0;

export async function openWatchRig(dovecot: PrivateDovecot, dataDir?: string): Promise<WatchRig> {
  const database = await privateDatabase();
  const secretKey = randomBytes(32).toString("base64");
  const options = { databaseUrl: database.url, poolSize: 8, secretKeys: [secretKey] };
  const store = openStore({ ...options, ...(dataDir === undefined ? {} : { dataDir }) });
  const own = new AsyncDisposableStack();
  own.use(database);
  own.use(store);

  const settingsOf = (user: string, changes: Partial<MailboxSettings>): MailboxSettings => ({
    host: "127.0.0.1",
    port: dovecot.imapPort,
    security: "none",
    allowClearTextAuth: true,
    auth: { kind: "password", user },
    folder: "INBOX",
    mode: "idle",
    pollIntervalMs: 100,
    take: "unseen",
    role: "answer",
    maxAgeMs: 259_200_000,
    recordsReturnPath: false,
    authservIds: [],
    ownAddresses: [],
    ...changes,
  });

  return {
    store,
    databaseUrl: database.url,
    secretKey,
    watcher(settings = {}) {
      const running = startWatcher(store, settings);
      own.use(running);
      return running;
    },
    async mailbox(user, changes = {}, secrets = { pass: dovecot.password }) {
      const tenantId = `tenant-${++tenants}`;
      await store.tenants.put(tenantId, {});
      const put: TestMailbox["put"] = async (more, changed) => {
        const result = await store.mailboxes.put(tenantId, "box", settingsOf(user, { ...changes, ...more }), changed);
        expect(result.kind).toBe("put");
      };
      await put({}, secrets);
      return mailboxOf(store, tenantId, put);
    },
    [Symbol.asyncDispose]: () => own.disposeAsync(),
  };
}

function startWatcher(store: Store, settings: Partial<WatchSettings>): RunningWatcher {
  const wakes: string[] = [];
  const lines: Record<string, unknown>[] = [];
  const destination = { write: (line: string) => void lines.push(JSON.parse(line)) };
  const telemetry = openTelemetry("imap-watch", { logLevel: "debug", processMetrics: false, destination });
  const scope = createScope({ graceMs: 5_000, closeMs: 5_000 });
  const defaults = reader({}).check(watchSettings(reader({})));
  const deps = {
    store,
    telemetry,
    queues: { wakeAnswer: (uid: string) => void wakes.push(uid) },
    settings: { ...defaults, watchNewsMs: 50, loginsPerSecond: 1_000, ...settings },
  };
  const running = startWatch(deps, scope);
  const drain = async () => {
    scope.drain();
    await (await running).ended;
    await scope.close();
  };
  return {
    wakes,
    events: (event) => lines.filter((line) => line.event === event),
    drain,
    [Symbol.asyncDispose]: drain,
  };
}

function mailboxOf(store: Store, tenantId: string, put: TestMailbox["put"]): TestMailbox {
  const read = async () => (await store.mailboxes.get(tenantId, "box")) as Mailbox;
  const inbound = async () => {
    const items: InboundMessage[] = [];
    let cursor: string | undefined;
    do {
      const page = await store.inbound.list(tenantId, { limit: 200, ...(cursor === undefined ? {} : { cursor }) });
      items.push(...page.items);
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    return items.toReversed();
  };
  return {
    tenantId,
    put,
    read,
    inbound,
    async has(...ids) {
      const idOf = ({ messageId }: InboundMessage) => /<([^@>]+)/.exec(messageId ?? "")?.[1];
      const all = await vi.waitFor(async () => {
        const messages = await inbound();
        expect(messages.map(idOf).toSorted()).toEqual(ids.toSorted());
        return messages;
      }, waiting);
      return ids.map((id) => all.find((message) => idOf(message) === id) as InboundMessage);
    },
    is: (state) =>
      vi.waitFor(async () => {
        const mailbox = await read();
        expect(mailbox.state).toBe(state);
        return mailbox;
      }, waiting),
    async asks({ uid }, ...actions) {
      const { uid: mailboxUid } = await read();
      await requestActions(store.db, { tenantId, mailboxUid, inboundUid: uid }, actions);
    },
  };
}
