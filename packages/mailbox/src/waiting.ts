import type { Line } from "./line.ts";

/** What ended a wait. */
export type Heard =
  /** There may be new messages. */
  | "news"
  /** Somebody called `wake`. */
  | "woken"
  /** The time is up. */
  | "time";

/**
 * Waits for news in the open folder, with IDLE (RFC 2177) where that is wanted and offered, else by asking with NOOP.
 * One at a time; `wake` ends a wait from outside, and is remembered where nobody waits.
 */
export class Waiting {
  readonly #line: Line;
  readonly #pollMs: number | undefined;
  #idle: Promise<void> | undefined;
  #idleRefused = false;
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
      const leftMs = until - performance.now();
      if (leftMs <= 0) return "time";
      if (this.mode === "idle") {
        await this.#idleFor(Math.min(leftMs, this.#line.limits.idleMs));
        if (leftMs <= this.#line.limits.idleMs || this.#hasHeard()) continue;
        await this.#check();
      } else {
        const pollMs = this.#pollMs ?? fallbackPollMs;
        await this.#quietFor(Math.min(leftMs, pollMs));
        if (this.#hasHeard() || leftMs < pollMs) continue;
        await this.#check();
        // Not every server tells of new messages in its answer to NOOP: whoever polls must look for himself.
        this.#line.news++;
      }
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

  async #idleFor(ms: number): Promise<void> {
    if (!this.#line.isUp) await this.#check();
    this.#idle ??= this.#beginIdle();
    await this.#quietFor(ms, this.#idle);
    if (!this.#line.isUp) await this.#check();
  }

  async #beginIdle(): Promise<void> {
    // A command that comes next ends it with DONE; `false` is the server's NO.
    const ended = await Promise.resolve(this.#line.client.idle()).catch(() => undefined);
    this.#idle = undefined;
    if ((ended as unknown) === false && this.#line.isUp) this.#idleRefused = true;
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
