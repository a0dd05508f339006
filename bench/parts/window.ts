/** What is counted between two moments of a running system. */
import type { Database } from "@mailfleet/store";
import { type CpuGroup, type CpuTimes, cpuTimes, machineCpuSeconds } from "./cpu.ts";
import { redisStats } from "./redis-stats.ts";
import { seedBegins } from "./seed.ts";

/** One stretch of steady work. */
export interface Window {
  readonly messages: number;
  readonly seconds: number;
  readonly perSecond: number;
  /** CPU time in microseconds per message, by process. */
  readonly cpuMicros: Readonly<Record<string, number>>;
  /** Cores that processes outside of the figure kept busy, the bench's own among them: a quiet machine shows less than 0.2. */
  readonly coresUsedByOthers: number;
  /** How long PostgreSQL waited for one sync of its log, ms on average. */
  readonly walSyncMs?: number;
  /** Statements that the fleet sent, and those of one kind, per message. */
  readonly statements?: number;
  readonly statementKinds?: readonly StatementKind[];
  readonly redisCommands?: number;
}

export interface StatementKind {
  readonly sql: string;
  readonly perMessage: number;
  /** Execution time in PostgreSQL, microseconds per message. */
  readonly microsPerMessage: number;
}

export interface Sources {
  readonly count: () => number;
  readonly groups: readonly CpuGroup[];
  readonly fleet?: { readonly db: Database; readonly redisUrl: string };
}

interface Mark {
  readonly messages: number;
  readonly atMs: number;
  readonly cpu: CpuTimes;
  readonly statements: ReadonlyMap<string, { readonly calls: number; readonly ms: number }>;
  readonly redis: number;
  readonly machineCpu: number;
  readonly walSyncs: { readonly count: number; readonly ms: number };
}

/** Opens a window; what it returns closes it. */
export async function openWindow(sources: Sources): Promise<() => Promise<Window>> {
  const from = await markOf(sources);
  return async () => windowBetween(from, await markOf(sources), sources.fleet !== undefined);
}

/** Watches a running system for `seconds`. */
export async function watch(sources: Sources, seconds: number): Promise<Window> {
  const close = await openWindow(sources);
  await new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
  return close();
}

async function markOf({ count, groups, fleet }: Sources): Promise<Mark> {
  const statements = fleet ? await readStatements(fleet.db) : new Map();
  const redis = fleet ? (await redisStats(fleet.redisUrl)).clientCommands : 0;
  const walSyncs = fleet ? await readWalSyncs(fleet.db) : { count: 0, ms: 0 };
  const cpu = { cpu: cpuTimes(groups), machineCpu: machineCpuSeconds() };
  return { statements, redis, walSyncs, messages: count(), atMs: performance.now(), ...cpu };
}

/** By text, and without the bench's own. */
async function readStatements(db: Database) {
  const rows = await db.query<{ query: string; calls: number; ms: number }>(
    `select query, sum(calls)::float8 as calls, sum(total_exec_time) as ms from pg_stat_statements
     where query not like '%pg_stat_statements%' and query not like '${seedBegins}%' group by 1`,
  );
  return new Map(rows.map(({ query, calls, ms }) => [query, { calls, ms }] as const));
}

async function readWalSyncs(db: Database) {
  const [row] = await db.query<{ count: number; ms: number }>(
    "select sum(fsyncs)::float8 as count, sum(fsync_time) as ms from pg_stat_io where object = 'wal' and backend_type = 'client backend'",
  );
  return row ?? { count: 0, ms: 0 };
}

function windowBetween(from: Mark, to: Mark, hasFleet: boolean): Window {
  const messages = to.messages - from.messages;
  const seconds = (to.atMs - from.atMs) / 1_000;
  const per = (n: number) => (messages > 0 ? n / messages : Number.NaN);
  const cpuMicros = Object.fromEntries(
    [...to.cpu].map(([name, total]) => [name, Math.round(per((total - (from.cpu.get(name) ?? 0)) * 1e6))]),
  );
  const ownSeconds = [...to.cpu].reduce((sum, [name, total]) => sum + total - (from.cpu.get(name) ?? 0), 0);
  const coresUsedByOthers = (to.machineCpu - from.machineCpu - ownSeconds) / seconds;
  const base = { messages, seconds, perSecond: messages / seconds, cpuMicros, coresUsedByOthers };
  if (!hasFleet) return base;

  const changes = [...to.statements].map(([sql, { calls, ms }]) => {
    const before = from.statements.get(sql);
    return { sql, calls: calls - (before?.calls ?? 0), ms: ms - (before?.ms ?? 0) };
  });
  const statementKinds = changes
    .filter(({ calls }) => calls > 0)
    .sort((a, b) => b.ms - a.ms)
    .slice(0, 8)
    .map(({ sql, calls, ms }) => ({
      sql: sql.replaceAll(/\s+/g, " ").slice(0, 100),
      perMessage: per(calls),
      microsPerMessage: per(ms * 1_000),
    }));
  const calls = changes.reduce((sum, change) => sum + change.calls, 0);
  const walSyncMs = (to.walSyncs.ms - from.walSyncs.ms) / Math.max(1, to.walSyncs.count - from.walSyncs.count);
  return { ...base, walSyncMs, statements: per(calls), statementKinds, redisCommands: per(to.redis - from.redis) };
}
