/** What a process, or a part of the fleet that runs inside one, lives in. */
export interface Scope {
  /** Aborts at SIGTERM: take no new work, and answer "not ready". */
  readonly draining: AbortSignal;
  /** Aborts `graceMs` later: hand back the work in hand. */
  readonly stopping: AbortSignal;
  /** Closes `resource` at the end, last opened first. `name` is how a stuck one is reported. */
  own<T extends AsyncDisposable | Disposable>(resource: T, name?: string): T;
}

/** A part of the fleet that has begun. */
export interface Running {
  /** Resolves once it has drained; rejects when it could not go on. */
  readonly ended: Promise<void>;
}

/** A scope, as seen by whoever ends it. */
export interface OpenScope extends Scope, AsyncDisposable {
  /** Begins to drain, and stops `graceMs` later. Calling it again changes nothing. */
  drain(): void;
  /** Drains and stops at once. */
  stop(): void;
  /**
   * Stops, then closes what is owned, last opened first, within `closeMs` altogether.
   * Resolves with whether everything has closed in time and without an error.
   */
  close(): Promise<boolean>;
}

/** The three limits of an end: how long work may go on, how long closing may take, and who hears of trouble. */
export interface ScopeOptions {
  readonly graceMs: number;
  readonly closeMs: number;
  /** Trouble while closing; one stuck resource does not keep the others open. */
  readonly onError?: (error: unknown) => void;
}

interface Owned {
  readonly name: string;
  readonly resource: AsyncDisposable | Disposable;
}

export function createScope({ graceMs, closeMs, onError = console.error }: ScopeOptions): OpenScope {
  const draining = new AbortController();
  const stopping = new AbortController();
  const owned: Owned[] = [];
  let graceTimer: NodeJS.Timeout | undefined;
  let closing: Promise<boolean> | undefined;

  const drain = () => {
    if (draining.signal.aborted) return;
    draining.abort();
    graceTimer = setTimeout(() => stopping.abort(), graceMs).unref();
  };
  const stop = () => {
    draining.abort();
    clearTimeout(graceTimer);
    stopping.abort();
  };

  async function closeAll(): Promise<boolean> {
    stop();
    const deadline = performance.now() + closeMs;
    let clean = true;
    for (let last = owned.pop(); last !== undefined; last = owned.pop()) {
      // When time is up, the rest is still told to close; nobody waits for it.
      const ended = await closeOne(last, Math.max(0, deadline - performance.now()), onError);
      clean &&= ended;
    }
    return clean;
  }

  const close = () => {
    closing ??= closeAll();
    return closing;
  };

  return {
    draining: draining.signal,
    stopping: stopping.signal,
    own: (resource, name) => {
      owned.push({ name: name ?? resource.constructor?.name ?? "resource", resource });
      return resource;
    },
    drain,
    stop,
    close,
    [Symbol.asyncDispose]: async () => void (await close()),
  };
}

async function closeOne({ name, resource }: Owned, ms: number, onError: (error: unknown) => void): Promise<boolean> {
  const late = Promise.withResolvers<false>();
  const timer = setTimeout(() => {
    onError(new Error(`${name} has not closed in time`));
    late.resolve(false);
  }, ms);
  const ended = dispose(resource).then(
    () => true,
    (error: unknown) => {
      onError(new Error(`${name} has not closed cleanly`, { cause: error }));
      return false;
    },
  );
  try {
    return await Promise.race([ended, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

async function dispose(resource: AsyncDisposable | Disposable): Promise<void> {
  if (Symbol.asyncDispose in resource) await resource[Symbol.asyncDispose]();
  else resource[Symbol.dispose]();
}
