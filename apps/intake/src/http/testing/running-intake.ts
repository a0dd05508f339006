/** A whole intake on a private database, asked over real sockets. */
import { randomBytes } from "node:crypto";
import { noOperatorConfig } from "@mailfleet/answer";
import { createScope, type OpenScope } from "@mailfleet/service";
import { openStore, type Store } from "@mailfleet/store";
import { openTelemetry, type Telemetry } from "@mailfleet/telemetry";
import { privateDatabase } from "@mailfleet/testkit";
import { type Intake, type IntakeDeps, type IntakeSettings, startIntake } from "../../intake.ts";
import { httpLimits } from "../limits.ts";

export const adminToken = "an-admin-token-for-tests";

export interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers as a client would.
  readonly body: any;
  readonly headers: Headers;
  readonly durationMs: number;
}

export interface Ask {
  readonly key?: string;
  readonly tenant?: string;
  readonly body?: unknown;
  /** Sent as it is, instead of `body`. */
  readonly raw?: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface RunningIntake<W = unknown> extends AsyncDisposable {
  readonly database: W;
  readonly intake: Intake;
  readonly store: Store;
  readonly scope: OpenScope;
  readonly telemetry: Telemetry;
  /** Accounts for which a turn was asked, in order; "!" marks the express queue. */
  readonly woken: readonly string[];
  /** Asks as the admin where no key is given. */
  ask(method: string, path: string, ask?: Ask): Promise<Answer>;
  /** A tenant with an account and a key of all scopes. */
  makeTenant(id: string): Promise<{ readonly key: string }>;
  /** Rows that messages have left; nothing of a refused one may be among them. */
  countRows(): Promise<number>;
}

/** How the database is reached: straight, or by a wire of the test's own. */
interface Wire extends AsyncDisposable {
  readonly url: string;
}

export async function runIntake<W extends Wire = Wire>(
  settings: Partial<IntakeSettings> = {},
  wire?: (url: string) => Promise<W>,
  ownQueues?: NonNullable<IntakeDeps["queues"]>,
): Promise<RunningIntake<W>> {
  const scope = createScope({ graceMs: 2_000, closeMs: 10_000 });
  const whole = scope.own(await privateDatabase());
  const database = wire ? scope.own(await wire(whole.url)) : (whole as unknown as W);
  const telemetry = scope.own(openTelemetry("intake", { logLevel: "silent", processMetrics: false }));
  const secretKeys = [randomBytes(32).toString("base64")];
  const store = scope.own(openStore({ databaseUrl: database.url, poolSize: 4, secretKeys }));
  const woken: string[] = [];
  const queues: NonNullable<IntakeDeps["queues"]> = ownQueues ?? {
    wake: (uid: string, options?: { express?: boolean }) => void woken.push(options?.express ? `${uid}!` : uid),
    wakeAnswer: (uid: string) => void woken.push(uid),
  };
  const intake = await startIntake({ settings: { ...testSettings, ...settings }, store, queues, telemetry }, scope);

  const ask = async (method: string, path: string, { key = adminToken, tenant, body, raw, headers }: Ask = {}) => {
    const begun = performance.now();
    const response = await fetch(`${intake.apiUrl}${path}`, {
      method,
      headers: {
        ...(key && { authorization: `Bearer ${key}` }),
        ...(tenant && { "mailfleet-tenant": tenant }),
        ...((body !== undefined || raw !== undefined) && { "content-type": "application/json" }),
        ...headers,
      },
      ...((body !== undefined || raw !== undefined) && { body: (raw ?? JSON.stringify(body)) as string }),
    });
    const text = await response.text();
    return {
      status: response.status,
      body: text === "" ? undefined : JSON.parse(text),
      headers: response.headers,
      durationMs: performance.now() - begun,
    };
  };

  return {
    database,
    intake,
    store,
    scope,
    telemetry,
    woken,
    ask,
    async makeTenant(id) {
      await store.tenants.put(id, {});
      await store.accounts.put(id, "main", { host: "127.0.0.1", port: 25, security: "none" });
      const made = await store.apiKeys.create(id, { scopes: ["submit", "read", "manage"] });
      if (made.kind !== "created") throw new Error("the tenant has no key");
      return { key: made.key };
    },
    async countRows() {
      const [row] = await store.db.query<{ n: number }>(
        `select (select count(*) from mailfleet.messages) + (select count(*) from mailfleet.contents)
           + (select count(*) from mailfleet.deliveries) + (select count(*) from mailfleet.submission_keys) as n`,
      );
      return row?.n ?? -1;
    },
    [Symbol.asyncDispose]: () => scope[Symbol.asyncDispose](),
  };
}

const testSettings = {
  adminToken,
  apiHost: "127.0.0.1",
  apiPort: 0,
  apiMaxBodyBytes: httpLimits.bodyBytes,
  apiMaxInFlightBytes: httpLimits.inFlightBytes,
  apiMaxRequests: httpLimits.inFlightRequests,
  apiProxies: [],
  operator: noOperatorConfig,
  smtpHost: "127.0.0.1",
  smtpPort: 0,
  smtpName: "intake.test",
  smtpTlsCert: undefined,
  smtpTlsKey: undefined,
  smtpProxies: [],
  smtpMaxClients: 100,
  smtpMaxMessageBytes: 33_554_432,
} satisfies IntakeSettings;
