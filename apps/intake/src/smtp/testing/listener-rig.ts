import { createScope, type OpenScope } from "@mailfleet/service";
import { type Acceptor, openAcceptor, openStore, type Store } from "@mailfleet/store";
import { openTelemetry } from "@mailfleet/telemetry";
import { privateDatabase } from "@mailfleet/testkit";
import { type SmtpDeps, type SmtpListener, startSmtpListener } from "../listener.ts";
import type { SmtpSettings } from "../settings.ts";

export const key = `mf_${"k".repeat(40)}`;
export const readOnlyKey = `mf_${"r".repeat(40)}`;

/** The credentials as AUTH PLAIN takes them. */
export const plainToken = (user: string, password: string): string =>
  Buffer.from(`\0${user}\0${password}`).toString("base64");

export const settings: SmtpSettings = {
  smtpHost: "127.0.0.1",
  smtpPort: 0,
  smtpName: "mail.example",
  smtpTlsCert: undefined,
  smtpTlsKey: undefined,
  smtpProxies: [],
  smtpMaxClients: 100,
  smtpMaxMessageBytes: 1_048_576,
};

export interface RigOptions extends Partial<Omit<SmtpDeps, "settings" | "telemetry">> {
  readonly settings?: Partial<SmtpSettings>;
  readonly graceMs?: number;
}

export interface ListenerRig extends AsyncDisposable {
  readonly listener: SmtpListener;
  readonly port: number;
  readonly store: Store;
  readonly acceptor: Acceptor;
  readonly scope: OpenScope;
  /** Accounts that were woken. */
  readonly woken: readonly string[];
  /** Lines of the log, as they were written. */
  readonly log: readonly string[];
  /** What was accepted since the last time, as `reversePath > recipient, …`. */
  kept(): Promise<readonly string[]>;
}

/** The listener over a real database, with tenant "acme", its account "main", and two keys. */
export async function openListenerRig(options: RigOptions = {}): Promise<ListenerRig> {
  const { settings: changed, graceMs = 5_000, ...deps } = options;
  const database = await privateDatabase();
  const store = openStore({
    databaseUrl: database.url,
    poolSize: 4,
    secretKeys: [Buffer.alloc(32, 7).toString("base64")],
    onError: () => {},
  });
  await store.tenants.put("acme", {});
  await store.tenants.put("other", {});
  await store.accounts.put("acme", "main", { host: "127.0.0.1", port: 25, security: "none" });
  await store.apiKeys.create("acme", { scopes: ["submit"], key });
  await store.apiKeys.create("acme", { scopes: ["read"], key: readOnlyKey });
  const acceptor = openAcceptor(store.db);

  const woken: string[] = [];
  const log: string[] = [];
  const destination = { write: (line: string) => void log.push(line) };
  const telemetry = openTelemetry("intake", { logLevel: "info", processMetrics: false, destination });
  const scope = createScope({ graceMs, closeMs: 5_000 });
  const listener = await startSmtpListener(
    {
      acceptor,
      apiKeys: store.apiKeys,
      tenants: store.tenants,
      accounts: store.accounts,
      queues: { wake: (accountUid) => void woken.push(accountUid) },
      ...deps,
      telemetry,
      settings: { ...settings, ...changed },
    },
    scope,
  );
  const seen = new Set<string>();
  return {
    listener,
    port: listener.port,
    store,
    acceptor,
    scope,
    woken,
    log,
    async kept() {
      const rows = await store.db.query<{ uid: string; text: string }>(`
        select uid, reverse_path || ' > ' || (
          select string_agg(recipient, ', ' order by position) from mailfleet.deliveries where message_uid = m.uid
        ) as text from mailfleet.messages m order by uid`);
      const fresh = rows.filter(({ uid }) => !seen.has(uid));
      for (const { uid } of fresh) seen.add(uid);
      return fresh.map(({ text }) => text);
    },
    async [Symbol.asyncDispose]() {
      await scope.close();
      await acceptor[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
    },
  };
}
