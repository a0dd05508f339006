/** A database of one test's own. Disposing of it drops it, whoever is still connected. */
export interface PrivateDatabase extends AsyncDisposable {
  readonly url: string;
  readonly name: string;
}

export interface PrivateDatabaseOptions {
  /** Without our schema, for tests of the migrations themselves. */
  readonly empty?: boolean;
}

/**
 * Makes a database that is migrated, empty of rows, and nobody else's, on the run's own PostgreSQL.
 * Works inside a test run only (see `run-servers.ts`).
 */
export async function privateDatabase({ empty = false }: PrivateDatabaseOptions = {}): Promise<PrivateDatabase> {
  // Imported here, since the rest of the testkit also serves programs that are no tests.
  const { inject } = await import("vitest");
  const office = inject("mailfleetDatabases");
  const { name, url } = JSON.parse(await ask(`${office}${empty ? "?empty" : ""}`, "POST"));

  let dropped: Promise<unknown> | undefined;
  return {
    name,
    url,
    async [Symbol.asyncDispose]() {
      dropped ??= ask(`${office}?name=${name}`, "DELETE");
      await dropped;
    },
  };
}

async function ask(url: string, method: string): Promise<string> {
  const response = await fetch(url, { method, signal: AbortSignal.timeout(120_000) });
  const text = await response.text();
  if (!response.ok) throw new Error(`the run's PostgreSQL: ${text}`);
  return text;
}
