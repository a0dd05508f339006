import { isQuarantine, planOf, reconnectDelayMs } from "./plan.ts";
import { openMailbox, type Session } from "./session.ts";
import type { MailboxSink, Start } from "./sink.ts";
import { Suspects } from "./suspects.ts";
import { Taking } from "./taking.ts";
import { MailboxTroubleError, type Trouble } from "./trouble.ts";

/** A mailbox that is being followed. */
export interface Follower {
  /** Something was asked for: `attend` is called as soon as there is a connection. */
  wake(): void;
  /** Connects anew: what `begin` gives has changed. */
  restart(): void;
  /** Resolves when following has ended, after its signal has aborted. Never rejects. */
  readonly ended: Promise<void>;
}

export interface FollowOptions {
  readonly signal: AbortSignal;
  readonly random?: () => number;
  readonly limits?: Partial<FollowLimits>;
  /** Time, and the way to the server; the system's and our own where they are absent. */
  readonly clock?: FollowClock;
  readonly open?: typeof openMailbox;
}

export interface FollowClock {
  /** Milliseconds, monotonic. */
  now(): number;
  /** What it returns takes the timer back. */
  setTimer(ms: number, fire: () => void): () => void;
}

export interface FollowLimits {
  /** Looks below the watermark for what was missed. */
  readonly reconcileMs: number;
  /** Looks whether there is news that nobody told of, and says that nothing is missing. */
  readonly completeMs: number;
  /** Looks again whether there is room to take in more. */
  readonly fullMs: number;
  /** A mailbox that is asked more seldom is left in between, and logged in to each time. */
  readonly keepConnectedMs: number;
  /** Waits between two tries where the sink was in trouble; doubled up to `maxSinkRetryMs`. */
  readonly sinkRetryMs: number;
  readonly maxSinkRetryMs: number;
  /** How long what is under way at the end may go on, before the connection is closed. */
  readonly leaveMs: number;
}

export const followLimits: FollowLimits = {
  reconcileMs: 3_600_000,
  completeMs: 300_000,
  fullMs: 1_000,
  keepConnectedMs: 300_000,
  sinkRetryMs: 500,
  maxSinkRetryMs: 30_000,
  leaveMs: 3_000,
};

/** How a connection ended. */
type End =
  | { readonly kind: "trouble"; readonly trouble: Trouble; readonly wasHealthy: boolean }
  /** At our own wish; it is begun anew after that long. */
  | { readonly kind: "left"; readonly againMs: number; readonly isForTrouble: boolean };

/** Follows one mailbox until `signal` aborts: connects, checks for a gap, waits for news, and connects again. */
export function follow(sink: MailboxSink, options: FollowOptions): Follower {
  const { signal, random = Math.random, limits, clock = systemClock, open = openMailbox } = options;
  const life = new Life(sink, { signal, random, clock, open, limits: { ...followLimits, ...limits } });
  return { wake: () => life.wake(), restart: () => life.restart(), ended: life.run() };
}

const systemClock: FollowClock = {
  now: () => performance.now(),
  setTimer(ms, fire) {
    const timer = setTimeout(fire, ms);
    return () => clearTimeout(timer);
  },
};

class Life {
  readonly #sink: MailboxSink;
  readonly #signal: AbortSignal;
  readonly #random: () => number;
  readonly #limits: FollowLimits;
  readonly #clock: FollowClock;
  readonly #open: typeof openMailbox;
  readonly #suspects = new Suspects();
  #session: Session | undefined;
  #ending: AbortController | undefined;
  #isAsked = false;
  #isStale = false;
  #hasNews = false;
  #failures = 0;
  #pausing: { readonly isForTrouble: boolean; readonly end: () => void } | undefined;

  constructor(
    sink: MailboxSink,
    { signal, random, limits, clock, open }: Required<FollowOptions> & { readonly limits: FollowLimits },
  ) {
    this.#sink = sink;
    this.#signal = signal;
    this.#random = random;
    this.#limits = limits;
    this.#clock = clock;
    this.#open = open;
  }

  /** It does not shorten the time for which a server in trouble is left in peace. */
  wake(): void {
    this.#isAsked = true;
    this.#session?.wake();
    if (this.#pausing?.isForTrouble === false) this.#pausing.end();
  }

  restart(): void {
    this.#isStale = true;
    this.#failures = 0;
    this.#session?.wake();
    this.#pausing?.end();
  }

  async run(): Promise<void> {
    let stay: (() => void) | undefined;
    const stop = () => {
      const session = this.#session;
      stay = this.#clock.setTimer(this.#limits.leaveMs, () => session?.close());
      this.#ending?.abort();
      this.restart();
    };
    this.#signal.addEventListener("abort", stop);
    for (let failures = 1; !this.#signal.aborted; failures++) {
      try {
        await this.#once();
        failures = 0;
      } catch (error) {
        this.#tell(error);
        await this.#pause(this.#sinkRetryMs(failures), true);
      }
    }
    this.#signal.removeEventListener("abort", stop);
    stay?.();
  }

  /** One connection, from beginning to end, and the pause after it. */
  async #once(): Promise<void> {
    this.#isStale = false;
    const begun = await this.#sink.begin(this.#signal);
    if (!this.#goesOn()) return;
    if (begun.kind === "wait") return this.#pause(begun.ms, true);
    const end: End = begun.kind === "trouble" ? { ...begun, wasHealthy: false } : await this.#connection(begun.start);
    if (!this.#goesOn()) return;
    if (end.kind === "left") {
      this.#failures = 0;
      return this.#pause(end.againMs, end.isForTrouble);
    }
    this.#suspects.connectionEnded(end.trouble.kind === "protocol");
    this.#failures = end.wasHealthy ? 1 : this.#failures + 1;
    const retryMs = reconnectDelayMs(end.trouble.kind, this.#failures, this.#random);
    await this.#sink.troubled(end.trouble, retryMs);
    return this.#pause(retryMs, true);
  }

  async #connection(start: Start): Promise<End> {
    const { server, login, folder, mode, pollIntervalMs, timeLimits } = start;
    const options = { folder, mode, pollIntervalMs, signal: this.#signal, ...(timeLimits ? { timeLimits } : {}) };
    const opened = await this.#open(server, login, options);
    if (!opened.ok) return { kind: "trouble", trouble: opened.trouble, wasHealthy: false };
    const ending = new AbortController();
    const health = { isGood: false };
    try {
      await using session = opened.session;
      this.#session = session;
      this.#ending = ending;
      if (this.#signal.aborted) return { kind: "left", againMs: 0, isForTrouble: false };
      return await this.#watch(session, start, ending.signal, health);
    } catch (error) {
      if (!(error instanceof MailboxTroubleError)) throw error;
      return { kind: "trouble", trouble: error.trouble, wasHealthy: health.isGood };
    } finally {
      this.#session = undefined;
      this.#ending = undefined;
      ending.abort();
    }
  }

  async #watch(session: Session, start: Start, signal: AbortSignal, health: { isGood: boolean }): Promise<End> {
    const taking = new Taking(session, start, this.#sink, this.#suspects, signal);
    await this.#insist(session, () => this.#sink.opened(session));
    const isBegun = await this.#insist(session, () => this.#begin(taking, session, start));
    if (isBegun === false) return { kind: "left", againMs: this.#limits.maxSinkRetryMs, isForTrouble: true };

    const sinceReconciledMs = start.position.reconciledAt
      ? this.#sink.nowMs() - start.position.reconciledAt.getTime()
      : 0;
    const reconcileMs = () => this.#limits.reconcileMs * (0.75 + 0.5 * this.#random());
    let reconcileAt = this.#clock.now() + reconcileMs() - sinceReconciledMs;
    let completeAt = this.#clock.now() + this.#limits.completeMs;
    this.#hasNews = false;
    this.#isAsked = true;
    while (this.#goesOn()) {
      await this.#insist(session, async () => {
        // A server may tell of nothing: only who has looked can say that nothing is missing.
        const isTimeToLook = !taking.hasWork && this.#clock.now() >= completeAt;
        if (this.#hasNews || isTimeToLook) await taking.listNew(isTimeToLook ? {} : undefined);
        if (isTimeToLook) completeAt = this.#clock.now() + this.#limits.completeMs;
        this.#hasNews = false;
        await this.#attend(session, taking);
        if (!taking.hasWork && this.#clock.now() >= reconcileAt) {
          await taking.listMissed();
          reconcileAt = this.#clock.now() + reconcileMs();
        }
        while (taking.hasWork && this.#sink.hasRoom() && this.#goesOn()) {
          await taking.step();
          await this.#attend(session, taking);
        }
      });
      if (!this.#goesOn()) break;
      if (this.#isAsked) continue;
      if (!taking.hasWork && session.following === "poll" && start.pollIntervalMs > this.#limits.keepConnectedMs) {
        return { kind: "left", againMs: start.pollIntervalMs, isForTrouble: false };
      }
      const untilMs = Math.max(Math.min(reconcileAt, completeAt) - this.#clock.now(), 0);
      await this.#listen(session, taking.hasWork ? this.#limits.fullMs : untilMs);
      health.isGood = true;
    }
    return { kind: "left", againMs: 0, isForTrouble: false };
  }

  async #attend(session: Session, taking: Taking): Promise<void> {
    if (!this.#isAsked) return;
    this.#isAsked = false;
    try {
      await this.#sink.attend(session, (window) => taking.listWindow(window));
    } catch (error) {
      this.#isAsked = true;
      throw error;
    }
  }

  /** The gap check: what has happened since somebody last looked. */
  async #begin(taking: Taking, session: Session, { position }: Start): Promise<boolean> {
    const { uidValidity, uidNext } = session.folder;
    const plan = planOf(position, { uidValidity: Number(uidValidity), ...(uidNext === undefined ? {} : { uidNext }) });
    switch (plan.kind) {
      case "first":
        await taking.listFirst();
        return true;
      case "renumbered":
        return taking.listRenumbered();
      case "go_on":
        await taking.listFrom(plan.watermark);
        return true;
    }
  }

  /** Does it again, over the same connection, while the sink is in trouble and the connection lives. */
  async #insist<T>(session: Session, act: () => Promise<T>): Promise<T | undefined> {
    for (let failures = 1; this.#goesOn(); failures++) {
      try {
        return await act();
      } catch (error) {
        if (error instanceof MailboxTroubleError) throw error;
        this.#tell(error);
        const until = this.#clock.now() + this.#sinkRetryMs(failures);
        while (this.#goesOn() && this.#clock.now() < until) await this.#listen(session, until - this.#clock.now());
      }
    }
    return undefined;
  }

  async #listen(session: Session, ms: number): Promise<void> {
    if ((await session.wait(ms)) === "news") this.#hasNews = true;
  }

  #goesOn(): boolean {
    return !this.#signal.aborted && !this.#isStale;
  }

  #tell(error: unknown): void {
    if (!this.#signal.aborted) this.#sink.onError(error);
  }

  #sinkRetryMs(failures: number): number {
    const { sinkRetryMs, maxSinkRetryMs } = this.#limits;
    return Math.min(sinkRetryMs * 2 ** (failures - 1), maxSinkRetryMs) * (0.5 + 0.5 * this.#random());
  }

  /** Ends earlier at a `restart`, and at a `wake` where it is not for trouble's sake. */
  async #pause(ms: number, isForTrouble: boolean): Promise<void> {
    if (ms <= 0 || !this.#goesOn()) return;
    await new Promise<void>((resolve) => {
      const cancel = this.#clock.setTimer(ms, resolve);
      const end = () => {
        cancel();
        resolve();
      };
      this.#pausing = { isForTrouble, end };
    });
    this.#pausing = undefined;
  }
}

/** How a mailbox's trouble is shown: quarantined where only a person can mend it. */
export const stateOf = ({ kind }: Trouble): "quarantined" | "unreachable" =>
  isQuarantine(kind) ? "quarantined" : "unreachable";
