import { randomBytes } from "node:crypto";
import { type AccountSettings, openStore, type Store } from "@mailfleet/store";
import { type PrivateRedis, privateDatabase, privateRedis } from "@mailfleet/testkit";
import { type AppProcess, type AppTrouble, startApp } from "./app-process.ts";
import { type Answer, askOver } from "./asking.ts";
import { type Ledger, openLedger } from "./ledger.ts";
import { until } from "./until.ts";

/** A fleet in processes of its own, on a database and a Redis of its own, with everything shortened that makes tests wait. */
export interface Fleet extends AsyncDisposable {
  readonly store: Store;
  readonly redis: PrivateRedis;
  /** What was submitted to it, and what it said yes to. */
  readonly ledger: Ledger;
  /** Processes that were started and have not been disposed of, dead or alive. */
  readonly apps: readonly AppProcess[];
  startIntake(trouble?: AppTrouble): Promise<AppProcess>;
  startDispatch(trouble?: AppTrouble, settings?: Readonly<Record<string, string>>): AppProcess;
  startWatch(trouble?: AppTrouble, settings?: Readonly<Record<string, string>>): AppProcess;
  startAnswer(trouble?: AppTrouble, settings?: Readonly<Record<string, string>>): AppProcess;
  /** Asks intake, which must have been started, as a tenant does. */
  ask(method: string, path: string, tenant: string, body?: unknown): Promise<Answer>;
  /** Makes a tenant with a key and an account "main" on loopback. */
  tenant(id: string, account: Partial<AccountSettings> & { readonly port: number }): Promise<void>;
  /** Resolves once nothing waits but what is held. */
  settled(withinMs?: number): Promise<void>;
}

export interface FleetOptions {
  /** A database other than one of the run's own. */
  readonly databaseUrl?: string;
  readonly dispatch?: Readonly<Record<string, string>>;
  /** Starts without a Redis; the address is there, and nobody listens. */
  readonly redisIsAway?: boolean;
}

const adminToken = "an-admin-token-for-tests";
/** So that a dead process's mail is taken over soon, and mail that is tried again is so at once. */
const quickDispatch = { WORKER_LEASE: "1500ms", DISPATCH_SWEEP: "100ms" };
const quickWatch = { WATCH_LEASE: "1500ms", WATCH_NEWS: "200ms" };
/** Models and webhooks of tests lie on loopback. */
const onLoopback = { ANSWER_PRIVATE_NETWORKS: "true" };
const quickAnswer = { WORKER_LEASE: "1500ms", ANSWER_SWEEP: "100ms", ...onLoopback };
const quickRetry = { baseMs: 100, maxMs: 500 };

export async function startFleet(options: FleetOptions = {}): Promise<Fleet> {
  await using stack = new AsyncDisposableStack();
  const databaseUrl = options.databaseUrl ?? stack.use(await privateDatabase()).url;
  const redis = stack.use(await privateRedis());
  if (options.redisIsAway) await redis.stop();
  const secretKey = randomBytes(32).toString("base64");
  const store = stack.use(openStore({ databaseUrl, poolSize: 4, secretKeys: [secretKey] }));
  const apps: AppProcess[] = [];
  stack.defer(async () => void (await Promise.all(apps.map((app) => app[Symbol.asyncDispose]()))));
  const ledger = openLedger();
  const keys = new Map<string, string>();
  let apiUrl = "";
  const keep = stack.move();

  const start = (
    app: "dispatch" | "watch" | "answer",
    own: Readonly<Record<string, string>>,
    trouble: AppTrouble | undefined,
  ) => {
    const process = startApp(app, { ...settings, LOG_LEVEL: "warn", ...own }, trouble);
    apps.push(process);
    return process;
  };
  const settings = {
    DATABASE_URL: databaseUrl,
    DATABASE_POOL_SIZE: "4",
    REDIS_URL: redis.url,
    SECRET_KEYS: secretKey,
    METRICS_PORT: "0",
    GRACE: "5s",
  };
  return {
    store,
    redis,
    ledger,
    apps,
    async startIntake(trouble) {
      const own = { ADMIN_TOKEN: adminToken, API_PORT: "0", SMTP_PORT: "0", LOG_LEVEL: "info", ...onLoopback };
      const app = startApp("intake", { ...settings, ...own }, trouble);
      apps.push(app);
      const smtp = await app.says(({ event }) => event === "smtp_listening");
      const http = await app.says(({ msg }) => msg === "HTTP API is listening");
      apiUrl = `http://127.0.0.1:${http.port}`;
      ledger.reach({ apiUrl, smtpPort: Number(smtp.port) });
      return app;
    },
    startDispatch: (trouble, own = {}) => start("dispatch", { ...quickDispatch, ...options.dispatch, ...own }, trouble),
    startWatch: (trouble, own = {}) => start("watch", { ...quickWatch, ...own }, trouble),
    startAnswer: (trouble, own = {}) => start("answer", { ...quickAnswer, ...own }, trouble),
    ask: (method, path, tenant, body) => askOver(`${apiUrl}${path}`, method, keys.get(tenant), body),
    async tenant(id, account) {
      await store.tenants.put(id, {});
      const put = await store.accounts.put(id, "main", {
        host: "127.0.0.1",
        security: "none",
        retry: quickRetry,
        ...account,
      });
      if (put.kind !== "put") throw new Error(`the account was not made: ${put.kind}`);
      const made = await store.apiKeys.create(id, { scopes: ["submit", "read", "manage"] });
      if (made.kind !== "created") throw new Error(`the key was not made: ${made.kind}`);
      keys.set(id, made.key);
      ledger.tenant(id, made.key);
    },
    async settled(withinMs) {
      const isSettled = until("nothing waits but what is held", async () => (await unfinished(store)) === 0, withinMs);
      await isSettled.catch(async (cause) => {
        const said = apps.map(({ pid, log }) => `${pid}: ${JSON.stringify(log.slice(-5))}`).join("\n");
        throw new Error(`${JSON.stringify(await whereMailLies(store))}\n${said}`, { cause });
      });
    },
    [Symbol.asyncDispose]: () => keep.disposeAsync(),
  };
}

async function unfinished(store: Store): Promise<number> {
  const [row] = await store.db.query<{ n: number }>(
    `select (select count(*) from mailfleet.ready) + (select count(*) from mailfleet.later)
       + (select count(*) from mailfleet.inflight) as n`,
  );
  return row?.n ?? -1;
}

/** For whoever has to find out why mail does not move. */
const whereMailLies = (store: Store) =>
  store.db.query(
    `select (select json_agg(r) from (select band, attempt, crashes, count(*) from mailfleet.ready group by 1, 2, 3) r) as ready,
       (select count(*) from mailfleet.later) as later,
       (select json_agg(i) from (select worker, state, band, crashes, count(*) from mailfleet.inflight group by 1, 2, 3, 4) i) as inflight,
       (select json_agg(w) from mailfleet.workers w) as workers,
       (select json_agg(l) from mailfleet.lanes l) as lanes,
       (select json_agg(k) from (select blocked_until, failures, block_reason from mailfleet.queue_keys) k) as keys, now()`,
  );
