import { Secret } from "@mailfleet/config";
import { type BoardQueues, boardQueues } from "@mailfleet/queue";
import { createScope } from "@mailfleet/service";
import { type Database, openDatabase } from "@mailfleet/store";
import { openTelemetry } from "@mailfleet/telemetry";
import { type PrivateRedis, privateDatabase, privateRedis } from "@mailfleet/testkit";
import { type Board, startBoard } from "../board.ts";

export const adminToken = "a-token-for-this-test-only";

export interface OpenBoard extends Board, AsyncDisposable {
  readonly redis: PrivateRedis;
  readonly database: Database;
  /** BullMQ's own view, to add whatever a producer without manners would. */
  readonly queues: BoardQueues["queues"];
  /** What the board has logged. */
  readonly lines: readonly string[];
  /** Asks as an operator's script would. */
  ask(path: string, init?: RequestInit): Promise<Response>;
}

/** A board on a real Redis and a real database of its own. */
export async function openBoard({ writable = false } = {}): Promise<OpenBoard> {
  const scope = createScope({ graceMs: 0, closeMs: 5_000 });
  const redis = scope.own(await privateRedis(), "redis");
  const { url } = scope.own(await privateDatabase(), "private database");
  const database = scope.own(openDatabase({ url, poolSize: 2 }), "database");
  const lines: string[] = [];
  const telemetry = openTelemetry("board", {
    logLevel: "info",
    destination: { write: (line) => void lines.push(line) },
    processMetrics: false,
  });
  const queues = scope.own(boardQueues(redis.url, telemetry.log), "queues").queues;
  const settings = { boardHost: "127.0.0.1", boardPort: 0, boardWritable: writable };
  const secrets = { adminToken: new Secret(adminToken), redisUrl: new Secret(redis.url) };
  const board = await startBoard({ settings, ...secrets, database, telemetry }, scope);
  return {
    ...board,
    redis,
    database,
    queues,
    lines,
    ask: (path: string, init: RequestInit = {}) =>
      fetch(board.url + path, {
        redirect: "manual",
        ...init,
        headers: { authorization: `Bearer ${adminToken}`, ...(init.headers as Record<string, string>) },
      }),
    [Symbol.asyncDispose]: async () => void (await scope.close()),
  };
}
