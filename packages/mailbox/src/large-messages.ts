import { type FetchedMessage, MessageGoneError } from "./fetching.ts";
import { openMailbox, type Session } from "./session.ts";
import type { FolderPlace, HowFound, MailboxSink, Progress, Start } from "./sink.ts";
import { MailboxTroubleError } from "./trouble.ts";

/** How often a message is begun to be read before it is recorded without its content. */
const triesPerMessage = 5;
const connectRetryMs = 5_000;
const recordRetryMs = 250;
const maxRetryMs = 300_000;

/** What a large message was listed for. */
export interface LargeJob {
  readonly how: HowFound;
  readonly key?: string;
}

interface Waiting {
  readonly message: FetchedMessage;
  readonly job: LargeJob;
  tries: number;
  /** So much of it is read at most, and held for it. */
  allowedBytes: number;
}

/**
 * Reads large messages in pieces over a second connection, one after the other, so that they delay neither the mailbox's
 * own IDLE nor what arrives after them. The connection lives as long as there is something to read.
 */
export class LargeMessages {
  readonly #signal: AbortSignal;
  readonly #start: Start;
  readonly #sink: MailboxSink;
  readonly #place: FolderPlace;
  readonly #progressWith: (uid: number, job: LargeJob) => Progress;
  readonly #waiting: Waiting[] = [];
  #reading = false;

  constructor(
    start: Start,
    sink: MailboxSink,
    place: FolderPlace,
    signal: AbortSignal,
    progressWith: (uid: number, job: LargeJob) => Progress,
  ) {
    this.#signal = signal;
    this.#start = start;
    this.#sink = sink;
    this.#place = place;
    this.#progressWith = progressWith;
  }

  /** The lowest UID that is not yet recorded, save `except`: the watermark must stay below. */
  lowestUid(except?: number): number | undefined {
    const uids = this.#waiting.map(({ message }) => message.uid).filter((uid) => uid !== except);
    return uids.length === 0 ? undefined : Math.min(...uids);
  }

  has(uid: number): boolean {
    return this.#waiting.some(({ message }) => message.uid === uid);
  }

  /** Whether something of that job, or of another such look at the past, is not recorded yet, save `exceptUid`. */
  isReadingFor(job: LargeJob, exceptUid?: number): boolean {
    return this.#waiting.some(
      (one) => (one.job === job || (one.job.how.isAskedFor && job.how.isAskedFor)) && one.message.uid !== exceptUid,
    );
  }

  isReadingForKey(key: string): boolean {
    return this.#waiting.some(({ job }) => job.key === key);
  }

  add(messages: readonly FetchedMessage[], job: LargeJob): void {
    const known = new Set(this.#waiting.map(({ message }) => message.uid));
    for (const message of messages) {
      if (known.has(message.uid)) continue;
      const allowedBytes = Math.min(message.sizeBytes, this.#start.maxContentBytes) + 1;
      this.#waiting.push({ message, job, tries: 0, allowedBytes });
    }
    if (this.#waiting.length === 0 || this.#reading) return;
    this.#reading = true;
    void this.#readAll().finally(() => {
      this.#reading = false;
    });
  }

  async #readAll(): Promise<void> {
    for (let failures = 1; this.#waiting.length > 0 && !this.#signal.aborted; failures++) {
      try {
        await using session = await this.#open();
        for (let next = this.#waiting[0]; next && !this.#signal.aborted; next = this.#waiting[0]) {
          await this.#take(session, next);
          failures = 0;
        }
      } catch (error) {
        if (this.#signal.aborted) return;
        this.#sink.onError(error);
        await this.#pause(connectRetryMs, failures);
      }
    }
  }

  async #take(session: Session, next: Waiting): Promise<void> {
    const { message, job } = next;
    using _held = await this.#sink.reserve(next.allowedBytes, this.#signal);
    const bytes = await this.#read(session, next);
    if (bytes === "more") return;
    // What was read is not read again because it could not be recorded.
    for (let failures = 1; !this.#signal.aborted; failures++) {
      try {
        const found = bytes instanceof Buffer ? { ...message, bytes, isWhole: true } : message;
        const progress = this.#progressWith(message.uid, job);
        await this.#sink.record(this.#place, bytes === "gone" ? [] : [found], progress, job.how);
        this.#waiting.shift();
        return;
      } catch (error) {
        if (this.#signal.aborted) return;
        this.#sink.onError(error);
        await this.#pause(recordRetryMs, failures);
      }
    }
  }

  /**
   * The whole content; `cut` where it is longer than is taken, or was too much for the connection too often; `more` where
   * it is longer than the server said, so that room for all of it must be had first.
   */
  async #read(session: Session, next: Waiting): Promise<Buffer | "gone" | "cut" | "more"> {
    const limit = this.#start.maxContentBytes;
    if (next.tries++ >= triesPerMessage) return "cut";
    const pieces: Buffer[] = [];
    try {
      for await (const piece of session.content(next.message.uid, next.allowedBytes)) {
        pieces.push(piece);
        if (this.#signal.aborted) break;
      }
    } catch (error) {
      if (error instanceof MessageGoneError) return "gone";
      throw error;
    }
    const readBytes = pieces.reduce((sum, { length }) => sum + length, 0);
    if (readBytes > limit) return "cut";
    if (readBytes < next.allowedBytes) return Buffer.concat(pieces);
    next.allowedBytes = limit + 1;
    return "more";
  }

  #pause(baseMs: number, failures: number): Promise<void> {
    return pause(Math.min(baseMs * 2 ** (failures - 1), maxRetryMs), this.#signal);
  }

  async #open(): Promise<Session> {
    const { server, folder, pollIntervalMs, timeLimits } = this.#start;
    const login = await this.#sink.loginAgain(this.#signal);
    if (login.kind === "trouble") throw new MailboxTroubleError(login.trouble);
    const options = { folder, pollIntervalMs, mode: "poll" as const, readOnly: true, signal: this.#signal };
    const opened = await openMailbox(server, login, { ...options, ...(timeLimits ? { timeLimits } : {}) });
    if (!opened.ok) throw new MailboxTroubleError(opened.trouble);
    if (Number(opened.session.folder.uidValidity) === this.#place.uidValidity) return opened.session;
    opened.session.close();
    const detail = `${folder} was renumbered while it was read`;
    throw new MailboxTroubleError({ kind: "protocol", code: "UIDVALIDITY_CHANGED", detail });
  }
}

/** Resolves after `ms`, or at once when `signal` aborts. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done, { once: true });
  });
}
