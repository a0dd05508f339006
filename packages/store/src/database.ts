import pg from "pg";

/** A connection inside a transaction, or the pool where there is none. */
export interface Sql {
  query<R extends object = Record<string, unknown>>(text: string, values?: readonly unknown[]): Promise<R[]>;
}

/** Lives as long as a transaction. Whatever it wrote is committed together, or not at all. */
export interface Tx extends Sql {
  readonly tx: true;
}

export interface DatabaseOptions {
  readonly url: string;
  /** Connections of this process, 1 to 100. */
  readonly poolSize: number;
  /** How long a caller waits for a free connection, ms. */
  readonly acquireTimeoutMs?: number;
  /** How long one statement may take, ms. */
  readonly statementTimeoutMs?: number;
  /** Called for trouble with idle connections. */
  readonly onError?: (error: Error) => void;
}

/**
 * The pool: everything in here works behind PgBouncer in transaction mode, so nothing depends on a session
 * (no prepared statements by name, no LISTEN, no session locks; settings are local to a transaction).
 */
export interface Database extends Sql, AsyncDisposable {
  /** `lockMs`: a lock that is not had in time ends it with code 55P03, so that those who wait keep no connections. */
  transaction<T>(work: (tx: Tx) => Promise<T>, limits?: { readonly lockMs?: number }): Promise<T>;
  /** Runs `work` bound to one tenant by row-level security: what is another's does not exist. */
  asTenant<T>(tenantId: string, work: (tx: Tx) => Promise<T>): Promise<T>;
  /** Statements sent so far, for the bench. */
  statements(): number;
}

const { Pool, types } = pg;

/**
 * How long a transaction may stand still between two statements. A process that is paused in the middle of one would keep
 * its locks for as long: the sweep's, for one, and then nobody takes over what it had in hand.
 */
const idleInTransactionMs = 4_000;
const begin = `begin; set local idle_in_transaction_session_timeout = ${idleInTransactionMs}`;

/** connection_exception */
const connectionTrouble = "08000";

/**
 * The driver's own errors (no connection was free in time, one was lost, no answer came in time) have no code, by which
 * callers tell trouble with the database from mistakes.
 */
function rethrowWithCode(error: unknown): never {
  const isDrivers = error instanceof Error && error.constructor === Error && !("code" in error);
  throw isDrivers ? Object.assign(error, { code: connectionTrouble }) : error;
}

const int8 = (text: string) => Number(text);

/** int8 as number: our counters and ids stay far below 2^53. */
const textTypes = {
  getTypeParser: (oid: number, format?: "text" | "binary") =>
    oid === 20 && format !== "binary" ? int8 : types.getTypeParser(oid, format as never),
};

export function openDatabase(options: DatabaseOptions): Database {
  let statements = 0;
  const pool = new Pool({
    connectionString: options.url,
    max: options.poolSize,
    connectionTimeoutMillis: options.acquireTimeoutMs ?? 5_000,
    idleTimeoutMillis: 30_000,
    query_timeout: (options.statementTimeoutMs ?? 30_000) + 5_000,
    application_name: "mailfleet",
    types: textTypes as never,
  });
  pool.on("error", (error) => options.onError?.(error));
  pool.on("connect", (client) => {
    client.on("error", (error: Error) => options.onError?.(error));
  });

  const on = (client: pg.Pool | pg.PoolClient): Sql => ({
    async query<R extends object>(text: string, values: readonly unknown[] = []) {
      statements++;
      const result = await client.query<R & pg.QueryResultRow>(text, values as unknown[]).catch(rethrowWithCode);
      return result.rows as R[];
    },
  });

  async function transaction<T>(
    work: (tx: Tx) => Promise<T>,
    { lockMs }: { readonly lockMs?: number } = {},
  ): Promise<T> {
    const client = await pool.connect().catch(rethrowWithCode);
    let broken: Error | undefined;
    try {
      statements++;
      await client.query(lockMs === undefined ? begin : `${begin}; set local lock_timeout = ${Math.ceil(lockMs)}`);
      const result = await work({ ...on(client), tx: true });
      statements++;
      await client.query("commit");
      return result;
    } catch (error) {
      await client.query("rollback").catch((rollbackError: Error) => {
        broken = rollbackError;
      });
      throw error;
    } finally {
      client.release(broken);
    }
  }

  return {
    ...on(pool),
    transaction,
    asTenant: (tenantId, work) =>
      transaction(async (tx) => {
        await tx.query("select set_config('role', 'mailfleet_api', true), set_config('mailfleet.tenant', $1, true)", [
          tenantId,
        ]);
        return work(tx);
      }),
    statements: () => statements,
    async [Symbol.asyncDispose]() {
      await pool.end();
    },
  };
}
