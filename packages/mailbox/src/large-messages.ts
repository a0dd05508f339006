import { type FetchedMessage, MessageGoneError } from "./fetching.ts";
import { openMailbox, type Session } from "./session.ts";
import type { FolderPlace, HowFound, MailboxSink, Start } from "./sink.ts";
import { MailboxTroubleError } from "./trouble.ts";

/** How often a message is begun to be read before it is recorded without its content. */
const triesPerMessage = 5;
const connectRetryMs = 5_000;
const recordRetryMs = 250;
const maxRetryMs = 300_000;

interface Waiting {
  readonly message: FetchedMessage;
  readonly how: HowFound;
  tries: number;
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
  readonly #watermark: (except: number) => number;
  readonly #waiting: Waiting[] = [];
  #reading = false;

  constructor(
    start: Start,
    sink: MailboxSink,
    place: FolderPlace,
    signal: AbortSignal,
    watermark: (except: number) => number,
  ) {
    this.#signal = signal;
    this.#start = start;
    this.#sink = sink;
    this.#place = place;
    this.#watermark = watermark;
  }

  /** The lowest UID that is not yet recorded, save `except`: the watermark must stay below. */
  lowestUid(except?: number): number | undefined {
    const uids = this.#waiting.map(({ message }) => message.uid).filter((uid) => uid !== except);
    return uids.length === 0 ? undefined : Math.min(...uids);
  }

  has(uid: number): boolean {
    return this.#waiting.some(({ message }) => message.uid === uid);
  }

  add(messages: readonly FetchedMessage[], how: HowFound): void {
    const known = new Set(this.#waiting.map(({ message }) => message.uid));
    for (const message of messages) {
      if (!known.has(message.uid)) this.#waiting.push({ message, how, tries: 0 });
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
    const { message, how } = next;
    using _held = await this.#sink.reserve(message.sizeBytes, this.#signal);
    const bytes = await this.#read(session, next);
    // What was read is not read again because it could not be recorded.
    for (let failures = 1; !this.#signal.aborted; failures++) {
      try {
        const found = bytes instanceof Buffer ? { ...message, bytes, isWhole: true } : message;
        const progress = { watermark: this.#watermark(message.uid) };
        await this.#sink.record(this.#place, bytes === "gone" ? [] : [found], progress, how);
        this.#waiting.shift();
        return;
      } catch (error) {
        if (this.#signal.aborted) return;
        this.#sink.onError(error);
        await this.#pause(recordRetryMs, failures);
      }
    }
  }

  /** The whole content; `cut` where it is longer than is taken, or was too much for the connection too often. */
  async #read(session: Session, next: Waiting): Promise<Buffer | "gone" | "cut"> {
    const limit = this.#start.maxContentBytes;
    if (next.tries++ >= triesPerMessage) return "cut";
    const pieces: Buffer[] = [];
    try {
      for await (const piece of session.content(next.message.uid, limit + 1)) {
        pieces.push(piece);
        if (this.#signal.aborted) break;
      }
    } catch (error) {
      if (error instanceof MessageGoneError) return "gone";
      throw error;
    }
    const bytes = Buffer.concat(pieces);
    return bytes.length <= limit ? bytes : "cut";
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
export function pause(ms: number, signal: AbortSignal): Promise<void> {
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
