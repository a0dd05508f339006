import { randomBytes } from "node:crypto";
import { answerSettings, startAnswering } from "@mailfleet/answer-worker";
import { reader } from "@mailfleet/config";
import { startWatch, watchSettings } from "@mailfleet/imap-watch";
import { intakeSettings, startIntake } from "@mailfleet/intake";
import { dispatchSettings, startDispatch } from "@mailfleet/outbox-dispatch";
import { openQueues, type Queues } from "@mailfleet/queue";
import { createScope, type OpenScope, type Running } from "@mailfleet/service";
import { type AccountSettings, type Delivery, openStore, type Store } from "@mailfleet/store";
import { openTelemetry, type Telemetry } from "@mailfleet/telemetry";
import { type PrivateRedis, privateDatabase, privateRedis } from "@mailfleet/testkit";
import { type Answer, askOver } from "./asking.ts";
import { submitBySmtp } from "./submission-client.ts";
import { until } from "./until.ts";

/** A part of the fleet that runs in this process until it is drained or killed. */
export interface Sender {
  /** As SIGTERM does; resolves when it has ended. */
  drain(): Promise<void>;
}

/** Intake and senders in one process, asked over real sockets. */
export interface OneProcessFleet extends AsyncDisposable {
  readonly store: Store;
  readonly redis: PrivateRedis;
  startSender(settings?: Readonly<Record<string, string>>): Promise<Sender>;
  /** What follows mailboxes, and what answers; each with a life of its own. */
  startWatcher(settings?: Readonly<Record<string, string>>): Promise<Sender>;
  startAnswerer(settings?: Readonly<Record<string, string>>): Promise<Sender>;
  /** A tenant with an account "main" on loopback, and the settings that go with it. */
  tenant(id: string, account: Partial<AccountSettings> & { readonly port: number }, pass?: string): Promise<void>;
  /** Asks as the tenant; as the admin where none is named. */
  ask(method: string, path: string, tenant?: string, body?: unknown): Promise<Answer>;
  /** Submits over HTTP; fails where it is refused. */
  send(
    tenant: string,
    message?: object,
  ): Promise<{ readonly id: string; readonly deliveries: readonly { readonly id: string }[] }>;
  /** Submits over SMTP; the reply code. */
  sendBySmtp(
    tenant: string,
    mail: { readonly recipients: readonly string[]; readonly header?: readonly string[] },
  ): Promise<number | undefined>;
  deliveries(tenant: string): Promise<readonly Delivery[]>;
  /** Resolves once every delivery of the tenant is in one of these states, and there are `n` of them. */
  reaches(tenant: string, n: number, states: readonly string[], withinMs?: number): Promise<readonly Delivery[]>;
}

interface Parts {
  readonly store: Store;
  readonly queues: Queues;
  readonly telemetry: Telemetry;
}

const adminToken = "an-admin-token-for-tests";
/** Tenants' services are on loopback here. */
const answerNetworks = { ANSWER_PRIVATE_NETWORKS: "true" };
const quick: Readonly<Record<string, string>> = {
  DISPATCH_SWEEP: "100ms",
  WORKER_LEASE: "2s",
  DISPATCH_IDLE: "200ms",
  WATCH_LEASE: "2s",
  WATCH_NEWS: "100ms",
  ANSWER_SWEEP: "100ms",
  ...answerNetworks,
};
const quickRetry = { baseMs: 100, maxMs: 500 };
const graceMs = 3_000;

const environment = (settings: Readonly<Record<string, string>>) =>
  reader(Object.fromEntries(Object.entries(settings).map(([name, value]) => [`MAILFLEET_${name}`, value])));

/** `common` are settings of the operator's for every part of it. */
export async function startOneProcessFleet(common: Readonly<Record<string, string>> = {}): Promise<OneProcessFleet> {
  const scope = createScope({ graceMs, closeMs: 10_000 });
  const databaseUrl = scope.own(await privateDatabase()).url;
  const redis = scope.own(await privateRedis());
  const secretKeys = [randomBytes(32).toString("base64")];
  const telemetry = scope.own(openTelemetry("scenario", { logLevel: "silent", processMetrics: false }));
  const store = scope.own(openStore({ databaseUrl, poolSize: 8, secretKeys }));
  const queues = scope.own(await openQueues(redis.url, telemetry));
  const ports = environment({ ...answerNetworks, ...common, API_PORT: "0", SMTP_PORT: "0" });
  const settings = { ...intakeSettings(ports), adminToken };
  const intake = await startIntake({ settings, store, queues, telemetry }, scope);
  const keys = new Map<string, string>();
  const senders = new Set<OpenScope>();

  const ask: OneProcessFleet["ask"] = (method, path, tenant, body) =>
    askOver(`${intake.apiUrl}${path}`, method, tenant === undefined ? adminToken : keys.get(tenant), body);
  const deliveries = async (tenant: string) => {
    const { items } = await store.deliveries.list(tenant, { limit: 500 });
    return items;
  };

  /** Runs a part with a store and queues of its own, as a process would have them. */
  async function live(start: (parts: Parts, life: OpenScope) => Promise<Running>): Promise<Sender> {
    const life = createScope({ graceMs, closeMs: 5_000, onError: () => {} });
    senders.add(life);
    const parts = {
      store: life.own(openStore({ databaseUrl, poolSize: 6, secretKeys })),
      queues: life.own(await openQueues(redis.url, telemetry)),
      telemetry,
    };
    const running = start(parts, life).then(({ ended }) => ended);
    running.catch(() => {}); // One that is ended without draining finds its database closed.
    return {
      async drain() {
        life.drain();
        await running;
        senders.delete(life);
        await life.close();
      },
    };
  }

  return {
    store,
    redis,
    ask,
    deliveries,
    startSender: (own = {}) =>
      live((parts, life) => {
        const itsSettings = { ...dispatchSettings(environment({ ...quick, ...common, ...own })), graceMs };
        return startDispatch({ ...parts, settings: itsSettings }, life);
      }),
    startWatcher: (own = {}) =>
      live((parts, life) => {
        const itsSettings = { ...watchSettings(environment({ ...quick, ...common, ...own })), graceMs };
        return startWatch({ ...parts, settings: itsSettings }, life);
      }),
    startAnswerer: (own = {}) =>
      live((parts, life) => {
        const itsSettings = {
          ...answerSettings(environment({ ...quick, ...common, ...own })),
          leaseMs: 2_000,
          graceMs,
        };
        return startAnswering({ ...parts, settings: itsSettings }, life);
      }),
    async tenant(id, account, pass) {
      await store.tenants.put(id, {});
      const settings = { host: "127.0.0.1", security: "none", retry: quickRetry, ...account } as const;
      const put = await store.accounts.put(id, "main", settings, pass === undefined ? {} : { pass });
      if (put.kind !== "put") throw new Error(`the account was not made: ${put.kind}`);
      const made = await store.apiKeys.create(id, { scopes: ["submit", "read", "manage"] });
      if (made.kind !== "created") throw new Error(`the key was not made: ${made.kind}`);
      keys.set(id, made.key);
    },
    async send(tenant, message = {}) {
      const letter = {
        from: "us@sender.test",
        to: ["ann@recipient.test"],
        subject: "hello",
        text: "Hello.",
        ...message,
      };
      const { status, body } = await ask("POST", "/v1/messages", tenant, letter);
      if (status !== 202) throw new Error(`answered ${status}: ${JSON.stringify(body)}`);
      return body;
    },
    sendBySmtp: (tenant, { recipients, header = [] }) =>
      submitBySmtp(intake.smtpPort, {
        user: tenant,
        pass: keys.get(tenant) ?? "",
        reversePath: "us@sender.test",
        recipients,
        content: `${["From: us@sender.test", "Subject: hello", ...header].join("\r\n")}\r\n\r\nHello.`,
      }),
    async reaches(tenant, n, states, withinMs = 20_000) {
      let last: readonly Delivery[] = [];
      const isThere = async () => {
        last = await deliveries(tenant);
        return last.length === n && last.every(({ state }) => states.includes(state));
      };
      await until(`${n} deliveries are ${states.join(" or ")}`, isThere, withinMs).catch((cause) => {
        throw new Error(
          JSON.stringify(last.map(({ state, lastReason, recipient }) => [recipient, state, lastReason])),
          { cause },
        );
      });
      return last;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...senders].map((life) => life.close()));
      await scope.close();
    },
  };
}
