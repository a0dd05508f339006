import type { Watchdog } from "./watchdog.ts";

/** Rejects when something that the process needs is away. `signal` aborts when nobody waits any more. */
export type Check = (signal: AbortSignal) => Promise<unknown>;

/** What a probe is told. It names what fails and never says why: the reason goes to `onFailure`. */
export interface HealthReport {
  readonly status: "ok" | "failing" | "draining";
  readonly checks: Readonly<Record<string, "ok" | "failing" | "stuck">>;
}

/** Answers probes, on whichever listener asks. */
export interface Health {
  /** Fails when a watched loop is stuck: the process should be started anew. */
  live(): HealthReport;
  /** Fails while draining, and when a check fails: no new work should come here. */
  ready(): Promise<HealthReport>;
}

export interface HealthOptions {
  /** Aborts when the process drains. */
  readonly draining: AbortSignal;
  readonly checks: Readonly<Record<string, Check>>;
  readonly watchdog?: Watchdog;
  /** The longest that one check may take. */
  readonly checkTimeoutMs?: number;
  /** Hears why a check has failed. */
  readonly onFailure?: (name: string, error: unknown) => void;
}

export function createHealth({
  draining,
  checks,
  watchdog,
  checkTimeoutMs = 1_000,
  onFailure = () => {},
}: HealthOptions): Health {
  /** Probes that come while one is being answered share its answer, so that they cannot pile up. */
  let underWay: Promise<HealthReport> | undefined;

  async function checkAll(): Promise<HealthReport> {
    const results = await Promise.all(
      Object.entries(checks).map(async ([name, check]) => [name, await passes(name, check)] as const),
    );
    const failing = results.some(([, result]) => result === "failing");
    return { status: failing ? "failing" : "ok", checks: Object.fromEntries(results) };
  }

  async function passes(name: string, check: Check): Promise<"ok" | "failing"> {
    const signal = AbortSignal.timeout(checkTimeoutMs);
    try {
      await Promise.race([check(signal), aborted(signal)]);
      return "ok";
    } catch (error) {
      onFailure(name, error);
      return "failing";
    }
  }

  return {
    live() {
      const stuck = watchdog?.stuck() ?? [];
      return {
        status: stuck.length > 0 ? "failing" : "ok",
        checks: Object.fromEntries(stuck.map((name) => [name, "stuck" as const])),
      };
    },
    async ready() {
      if (draining.aborted) return { status: "draining", checks: {} };
      underWay ??= checkAll().finally(() => {
        underWay = undefined;
      });
      return underWay;
    },
  };
}

const aborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
  });
