import { hostname } from "node:os";
import type { Database } from "./database.ts";
import { type SetTimer, setUnrefTimer } from "./timer.ts";

export interface LeaseLimits {
  /** How long others wait before they take over what a silent process had in hand. */
  readonly leaseMs: number;
  /** How often a living process renews. */
  readonly renewEveryMs: number;
  /** Held to be lost this much earlier by our own clock than by the database's. */
  readonly marginMs: number;
}

/** A lease of this length leaves room for three renewals, and a fifth of it for clocks that drift and a final dot on its way. */
export const leaseLimitsOf = (leaseMs: number): LeaseLimits => ({
  leaseMs,
  renewEveryMs: leaseMs / 4,
  marginMs: leaseMs / 5,
});

export const leaseLimits = leaseLimitsOf(10_000);

/**
 * A process's right to work, with an end. Its claims and lanes live and lapse with it.
 *
 * Time is the database's for others and the monotonic clock for ourselves: the end is counted from before the renewal was
 * sent, less a margin, so that a process that was paused knows that its time is up before anybody else acts on it.
 */
export interface WorkerLease extends AsyncDisposable {
  /** The incarnation under which new work is claimed; a process that lapsed comes back under a new one. */
  readonly id: number;
  /** Whether incarnation `id` may still finish what it has in hand. */
  holds(id: number): boolean;
  /** What the database's clock shows now, ms since 1970: the only time that decides anything. */
  databaseNowMs(): number;
  /** Renews now; called by the process's timer. Never rejects. */
  renew(): Promise<void>;
}

export interface WorkerLeaseOptions {
  readonly app: string;
  readonly limits?: LeaseLimits;
  /** Milliseconds, monotonic. */
  readonly now?: () => number;
  readonly setTimer?: SetTimer;
  /** The lease was lost; work goes on under a new incarnation. */
  readonly onLost?: (id: number) => void;
  /** A renewal failed; the lease may lapse. */
  readonly onError?: (error: unknown) => void;
}

export async function joinAsWorker(db: Database, options: WorkerLeaseOptions): Promise<WorkerLease> {
  const limits = options.limits ?? leaseLimits;
  const now = options.now ?? (() => performance.now());
  const leaseSeconds = limits.leaseMs / 1000;
  let id = 0;
  let heldUntil = 0;
  let renewing: Promise<void> | undefined;
  /** What to add to our monotonic clock to get the database's. */
  let clockOffsetMs = 0;

  async function join() {
    const asked = now();
    const [row] = await db.query<{ id: number; now_ms: number }>(
      "insert into mailfleet.workers (app, host, lease_until) values ($1, $2, now() + make_interval(secs => $3)) returning id, extract(epoch from now())::float8 * 1000 as now_ms",
      [options.app, hostname(), leaseSeconds],
    );
    if (!row) throw new Error("the worker's row was not written");
    id = row.id;
    clockOffsetMs = row.now_ms - now();
    heldUntil = asked + limits.leaseMs - limits.marginMs;
  }

  async function renewOnce() {
    const asked = now();
    const rows = await db.query<{ now_ms: number }>(
      "update mailfleet.workers set lease_until = now() + make_interval(secs => $2) where id = $1 and lapsed_at is null returning extract(epoch from now())::float8 * 1000 as now_ms",
      [id, leaseSeconds],
    );
    if (rows[0]) {
      clockOffsetMs = rows[0].now_ms - now();
      heldUntil = asked + limits.leaseMs - limits.marginMs;
      return;
    }
    const lost = id;
    heldUntil = 0;
    await join();
    options.onLost?.(lost);
  }

  await join();
  const setTimer = options.setTimer ?? setUnrefTimer;
  let cancelTimer: (() => void) | undefined;
  const keepRenewing = () => {
    cancelTimer = setTimer(limits.renewEveryMs, () => {
      keepRenewing();
      void lease.renew();
    });
  };
  keepRenewing();

  const lease: WorkerLease = {
    get id() {
      return id;
    },
    databaseNowMs: () => now() + clockOffsetMs,
    holds: (incarnation) => incarnation === id && now() < heldUntil,
    renew() {
      renewing ??= renewOnce()
        .catch((error: unknown) => options.onError?.(error))
        .finally(() => {
          renewing = undefined;
        });
      return renewing;
    },
    async [Symbol.asyncDispose]() {
      cancelTimer?.();
      await renewing;
      heldUntil = 0;
      // Whatever is left in hand goes to whoever reaps first, without the wait for a lease to lapse.
      await db.query("update mailfleet.workers set lease_until = now() - interval '1 second' where id = $1", [id]);
    },
  };
  return lease;
}
