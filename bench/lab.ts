/** Where the rows are measured: real servers with their stock durability, and the fleet's processes beside them. */
import { randomBytes } from "node:crypto";
import { chmod, mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { startEmbeddedPostgres, startPrivateRedis } from "@mailfleet/embedded";
import { type Database, migrate, openDatabase, openStore, type Store } from "@mailfleet/store";
import { type Child, type ChildOptions, startProgram } from "./parts/child.ts";
import { type CpuGroup, parentOf } from "./parts/cpu.ts";
import { redisPid } from "./parts/redis-stats.ts";
import { freePort, listens } from "./parts/sink.ts";

export interface Lab extends AsyncDisposable {
  /** Scratch space that goes with the lab. */
  readonly folder: string;
  readonly db: Database;
  readonly store: Store;
  readonly databaseUrl: string;
  readonly redisUrl: string;
  /** PostgreSQL and Redis, for the account of CPU time. */
  readonly servers: readonly CpuGroup[];
  /** Makes or redirects the bench's account; its uid. */
  account(port: number, maxConnections: number): Promise<number>;
  /** A process of outbox-dispatch, as operators start it. */
  startDispatch(settings?: Readonly<Record<string, string>>): Child;
  /** A process of imap-watch. `more` is for those who look into it. */
  startWatch(settings?: Readonly<Record<string, string>>, more?: Pick<ChildOptions, "ipc" | "nodeArgs">): Child;
  /** A process of answer-worker. */
  startAnswerer(): Child;
  /** The end of what the processes of an app have logged. */
  said(app: string): Promise<string>;
  /** A process of intake, and the tenant's key. */
  startIntake(): Promise<Intake>;
}

export interface Intake extends AsyncDisposable {
  readonly pid: number;
  readonly apiUrl: string;
  readonly smtpPort: number;
  readonly key: string;
}

export const tenantId = "bench";
/** Seeding a million rows is one statement. */
const statementTimeoutMs = 900_000;
const saidCharacters = 4_000;

export interface LabOptions {
  /** A folder for CPU profiles of the fleet's processes. */
  readonly profileDir?: string;
}

export async function openLab({ profileDir }: LabOptions = {}): Promise<Lab> {
  const stack = new AsyncDisposableStack();
  const folder = await mkdtemp(path.join(tmpdir(), "mailfleet-bench-"));
  await chmod(folder, 0o711); // As root, PostgreSQL runs as another user, who must get in.
  stack.defer(() => rm(folder, { recursive: true, force: true }));

  const settings = {
    shared_preload_libraries: "pg_stat_statements",
    "pg_stat_statements.track": "top",
    track_wal_io_timing: "on",
  };
  const postgres = await startEmbeddedPostgres({ dataDir: folder, settings, stopWithParent: true });
  stack.defer(() => postgres.stop());
  const redis = await startPrivateRedis({ dataDir: folder, stopWithParent: true });
  stack.defer(() => redis.stop());

  await migrate(postgres.url);
  const db = stack.use(openDatabase({ url: postgres.url, poolSize: 4, statementTimeoutMs }));
  await db.query("create extension pg_stat_statements");
  const [backend] = await db.query<{ pid: number }>("select pg_backend_pid() as pid");
  const servers: CpuGroup[] = [
    { name: "postgres", pids: [parentOf(backend?.pid ?? 0)], withChildren: true },
    { name: "redis", pids: [await redisPid(redis.url)], withChildren: false },
  ];

  const secretKey = randomBytes(32).toString("base64");
  const store = stack.use(openStore({ databaseUrl: postgres.url, poolSize: 2, secretKeys: [secretKey] }));
  await store.tenants.put(tenantId, {});
  const env = {
    MAILFLEET_DATABASE_URL: postgres.url,
    MAILFLEET_REDIS_URL: redis.url,
    MAILFLEET_SECRET_KEYS: secretKey,
    MAILFLEET_ADMIN_TOKEN: randomBytes(24).toString("base64url"),
    MAILFLEET_METRICS_PORT: "0",
    MAILFLEET_DATA_DIR: path.join(folder, "data"),
  };
  const nodeArgs = profileDir === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profileDir}`];
  if (profileDir !== undefined) await mkdir(profileDir, { recursive: true });
  const startApp = (app: string, own: Readonly<Record<string, string>>, more: ChildOptions = {}) => {
    const options = { ...more, env: { ...env, ...own }, logFile: logOf(app) };
    return startProgram(
      `apps/${app}/src/main.ts`,
      {},
      { ...options, nodeArgs: [...nodeArgs, ...(more.nodeArgs ?? [])] },
    );
  };
  const logOf = (app: string) => path.join(folder, `${app}.log`);

  return {
    folder,
    db,
    store,
    databaseUrl: postgres.url,
    redisUrl: redis.url,
    servers,
    async account(port, maxConnections) {
      const put = await store.accounts.put(tenantId, "sink", {
        host: "127.0.0.1",
        port,
        security: "none",
        maxConnections,
      });
      if (put.kind !== "put") throw new Error(put.kind);
      return put.account.uid;
    },
    startDispatch: (own = {}) => startApp("outbox-dispatch", own),
    startWatch: (own = {}, more = {}) => startApp("imap-watch", own, more),
    startAnswerer: () => startApp("answer-worker", {}),
    said: async (app) => (await readFile(logOf(app), "utf8").catch(() => "")).slice(-saidCharacters),
    async startIntake() {
      const made = await store.apiKeys.create(tenantId, { scopes: ["submit", "read", "manage"] });
      if (made.kind !== "created") throw new Error(made.kind);
      const [apiPort, smtpPort] = [await freePort(), await freePort()];
      const child = startApp("intake", { MAILFLEET_API_PORT: String(apiPort), MAILFLEET_SMTP_PORT: String(smtpPort) });
      try {
        await Promise.all([listens(apiPort), listens(smtpPort)]);
      } catch (cause) {
        throw new Error(await readFile(logOf("intake"), "utf8"), { cause });
      }
      return {
        pid: child.pid,
        apiUrl: `http://127.0.0.1:${apiPort}`,
        smtpPort,
        key: made.key,
        [Symbol.asyncDispose]: () => child.end(),
      };
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}
