import type { Line } from "./line.ts";

/** What ended a wait. */
export type Heard =
  /** There may be new messages. */
  | "news"
  /** Somebody called `wake`. */
  | "woken"
  /** The time is up. */
  | "time";

const earlyMs = 1_000;
const earlyEndsUntilPolled = 5;

/**
 * Waits for news in the open folder, with IDLE (RFC 2177) where that is wanted and offered, else by asking with NOOP.
 * One at a time; `wake` ends a wait from outside, and is remembered where nobody waits.
 */
export class Waiting {
  readonly #line: Line;
  readonly #pollMs: number | undefined;
  #idle: Promise<void> | undefined;
  #idleSince = 0;
  #idleRefused = false;
  #earlyEnds = 0;
  #seenNews = 0;
  #awoken = false;
  #resolve: (() => void) | undefined;

  /** `pollMs`: how often to ask; undefined where IDLE does it. */
  constructor(line: Line, pollMs: number | undefined) {
    this.#line = line;
    this.#pollMs = pollMs;
    line.onEvent = () => this.#resolve?.();
  }

  /** How the folder is followed now. A server may offer IDLE and refuse it. */
  get mode(): "idle" | "poll" {
    return this.#pollMs === undefined && !this.#idleRefused ? "idle" : "poll";
  }

  wake(): void {
    this.#awoken = true;
    this.#resolve?.();
  }

  /**
   * Resolves at news, at a `wake`, or after `maxMs`. Rejects with a `MailboxTroubleError` when the connection has ended
   * or the server does not answer any more.
   */
  async wait(maxMs: number, fallbackPollMs: number): Promise<Heard> {
    const until = performance.now() + maxMs;
    for (;;) {
      const heard = this.#heard();
      if (heard) return heard;
      // Nobody is there any more: this rejects.
      if (!this.#line.isUp) await this.#check();
      const leftMs = until - performance.now();
      if (leftMs <= 0) return "time";
      if (this.mode === "idle") {
        this.#idle ??= this.#beginIdle();
        // Counted from when it began, however often somebody has waited on it since.
        const idleMs = this.#idleSince + this.#line.limits.idleMs - performance.now();
        await this.#quietFor(Math.min(leftMs, idleMs), this.#idle);
        if (this.#hasHeard()) continue;
        if (this.#idle === undefined) this.#endedByItself();
        else if (idleMs > leftMs) continue;
        await this.#check();
      } else {
        const pollMs = this.#pollMs ?? fallbackPollMs;
        await this.#quietFor(Math.min(leftMs, pollMs));
        if (this.#hasHeard() || leftMs < pollMs) continue;
        await this.#check();
      }
      // Not every server tells of every new message: now and then one must look for oneself.
      this.#line.news++;
    }
  }

  #hasHeard(): boolean {
    return this.#awoken || this.#line.news !== this.#seenNews || !this.#line.isUp;
  }

  #heard(): Heard | undefined {
    if (this.#line.news !== this.#seenNews) {
      this.#seenNews = this.#line.news;
      return "news";
    }
    if (this.#awoken) {
      this.#awoken = false;
      return "woken";
    }
    return undefined;
  }

  async #beginIdle(): Promise<void> {
    this.#idleSince = performance.now();
    // A command that comes next ends it with DONE; `false` is the server's NO.
    const ended = await Promise.resolve(this.#line.client.idle()).catch(() => undefined);
    this.#idle = undefined;
    if ((ended as unknown) === false && this.#line.isUp) this.#idleRefused = true;
  }

  /** A server that ends every IDLE at once is one that has none: it would have us ask all the time. */
  #endedByItself(): void {
    this.#earlyEnds = performance.now() - this.#idleSince < earlyMs ? this.#earlyEnds + 1 : 0;
    if (this.#earlyEnds >= earlyEndsUntilPolled) this.#idleRefused = true;
  }

  /** Ends an IDLE, and finds out whether anybody is still there. */
  async #check(): Promise<void> {
    await this.#line.command(
      "NOOP",
      () => this.#line.client.noop().then(() => true as const),
      this.#line.limits.doneMs,
    );
  }

  /** Resolves after `ms`, at an event, or when `ended` resolves; whichever is first. */
  async #quietFor(ms: number, ended?: Promise<void>): Promise<void> {
    if (this.#hasHeard()) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#resolve = () => {
        clearTimeout(timer);
        resolve();
      };
      if (ended) void ended.then(this.#resolve);
    });
    this.#resolve = undefined;
  }
}
