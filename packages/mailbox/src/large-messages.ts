import { type FetchedMessage, MessageGoneError } from "./fetching.ts";
import { openMailbox, type Session } from "./session.ts";
import type { FolderPlace, HowFound, MailboxSink, Start } from "./sink.ts";
import { MailboxTroubleError } from "./trouble.ts";

/** How often a message is begun to be read before it is recorded without its content. */
const triesPerMessage = 5;
const retryMs = 5_000;

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
  readonly #waiting: { readonly message: FetchedMessage; readonly how: HowFound; tries: number }[] = [];
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
    while (this.#waiting.length > 0 && !this.#signal.aborted) {
      try {
        await using session = await this.#open();
        while (this.#waiting.length > 0 && !this.#signal.aborted) await this.#readFirst(session);
      } catch (error) {
        if (this.#signal.aborted) return;
        this.#sink.onError(error);
        await pause(retryMs * (this.#waiting[0]?.tries ?? 1), this.#signal);
      }
    }
  }

  async #readFirst(session: Session): Promise<void> {
    const first = this.#waiting[0];
    if (!first) return;
    const { message, how } = first;
    const limit = this.#start.maxContentBytes;
    using _held = await this.#sink.reserve(message.sizeBytes, this.#signal);
    const pieces: Buffer[] = [];
    let isGone = false;
    // A message that was too much for the connection so often is recorded as it can be.
    const mayRead = first.tries++ < triesPerMessage;
    if (mayRead) {
      try {
        for await (const piece of session.content(message.uid, limit + 1)) {
          if (this.#signal.aborted) return;
          pieces.push(piece);
        }
      } catch (error) {
        if (!(error instanceof MessageGoneError)) throw error;
        isGone = true;
      }
    }
    const bytes = Buffer.concat(pieces);
    const isWhole = mayRead && !isGone && bytes.length <= limit;
    const found = isWhole ? { ...message, bytes, isWhole } : message;
    const progress = { watermark: this.#watermark(message.uid) };
    await this.#sink.record(this.#place, isGone ? [] : [found], progress, how);
    this.#waiting.shift();
  }

  async #open(): Promise<Session> {
    const { server, login, folder, pollIntervalMs, timeLimits } = this.#start;
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
