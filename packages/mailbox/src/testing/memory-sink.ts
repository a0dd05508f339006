import type { Login } from "../line.ts";
import type { Session } from "../session.ts";
import type { Begun, FolderPlace, Found, HowFound, LookThrough, MailboxSink, Progress, Start } from "../sink.ts";
import type { Trouble } from "../trouble.ts";

/** What was recorded, in that order. */
export interface Recorded {
  readonly messageId: string;
  readonly uid: number;
  readonly sizeBytes: number;
  readonly asSkipped?: string;
}

/** A ledger in memory: a message is known by its Message-ID. Its methods can be made to fail, or to say no. */
export class MemorySink implements MailboxSink {
  readonly recorded: Recorded[] = [];
  readonly troubles: { readonly trouble: Trouble; readonly retryMs: number }[] = [];
  readonly errors: unknown[] = [];
  readonly progress: Progress[] = [];
  readonly begins: number[] = [];
  pauses = 0;
  attended = 0;
  openings = 0;
  room = true;
  /** How often there was no room. */
  refusals = 0;
  failures = 0;
  /** How often recording a message fails from now on. */
  refusesContent = 0;
  window: { readonly since: Date; readonly until: Date } | undefined;
  /** Done in the mailbox at the next `attend`. */
  deed: ((session: Session) => Promise<void>) | undefined;
  next: Begun | undefined;
  start: Start;
  readonly #known = new Map<string, Recorded>();

  constructor(start: Start) {
    this.start = start;
  }

  async begin(): Promise<Begun> {
    this.begins.push(performance.now());
    return this.next ?? { kind: "start", start: this.start };
  }

  async loginAgain(): Promise<Login> {
    return this.start.login;
  }

  async opened(): Promise<void> {
    this.openings++;
  }

  async record(
    { uidValidity }: FolderPlace,
    found: readonly Found[],
    progress: Progress,
    { asSkipped, isAskedFor }: HowFound,
  ): Promise<void> {
    if (this.failures > 0) {
      this.failures--;
      throw new Error("the database is away");
    }
    if (found.length > 0 && this.refusesContent > 0) {
      this.refusesContent--;
      throw new Error("the database is away");
    }
    for (const { uid, bytes, isWhole } of found) {
      const messageId = idOf(bytes);
      const sizeBytes = isWhole ? bytes.length : 0;
      const before = this.#known.get(messageId);
      const isTakenUp = before?.asSkipped !== undefined && isAskedFor;
      const { asSkipped: stays } = before && !isTakenUp ? before : { asSkipped };
      const recorded = { messageId, uid, sizeBytes, ...(stays === undefined ? {} : { asSkipped: stays }) };
      if (!before || isTakenUp) this.recorded.push(recorded);
      this.#known.set(messageId, recorded);
    }
    this.progress.push(progress);
    const { position } = this.start;
    const { watermark, resumeDone, isReconciled } = progress;
    this.start = {
      ...this.start,
      position: {
        uidValidity: progress.uidValidity ?? position.uidValidity,
        watermark: watermark ?? position.watermark,
        modseq: progress.modseq ?? position.modseq,
        reconciledAt: isReconciled ? new Date() : position.reconciledAt,
        resume: resumeDone ? null : position.resume,
      },
    };
    if (progress.backfillDone) this.window = undefined;
    void uidValidity;
  }

  async unknown(found: readonly Found[]): Promise<readonly Found[]> {
    return found.filter(({ bytes }) => !this.#known.has(idOf(bytes)));
  }

  async unknownUids(
    _place: FolderPlace,
    uids: readonly number[],
    { isAskedFor }: HowFound,
  ): Promise<readonly number[]> {
    const all = [...this.#known.values()].filter(({ asSkipped }) => !isAskedFor || asSkipped === undefined);
    const known = new Set(all.map(({ uid }) => uid));
    return uids.filter((uid) => !known.has(uid));
  }

  hasRoom(): boolean {
    if (!this.room) this.refusals++;
    return this.room;
  }

  /** What room was asked for, in bytes. */
  readonly reserved: number[] = [];

  async reserve(bytes: number): Promise<Disposable> {
    this.reserved.push(bytes);
    return { [Symbol.dispose]: () => {} };
  }

  async attend(session: Session, lookThrough: LookThrough): Promise<void> {
    this.attended++;
    const { deed, window } = this;
    this.deed = undefined;
    await deed?.(session);
    if (window) await lookThrough(window);
  }

  async paused(): Promise<void> {
    this.pauses++;
    this.next = { kind: "wait", ms: 600_000 };
  }

  async troubled(trouble: Trouble, retryMs: number): Promise<void> {
    this.troubles.push({ trouble, retryMs });
  }

  nowMs(): number {
    return Date.now();
  }

  onError(error: unknown): void {
    this.errors.push(error);
  }

  /** The Message-IDs that were recorded, without their domain. */
  get ids(): readonly string[] {
    return this.recorded.map(({ messageId }) => messageId);
  }

  /** Forgets where messages lie, as though they had never been listed. */
  forget(messageId: string): void {
    this.#known.delete(messageId);
    this.recorded.splice(0, this.recorded.length, ...this.recorded.filter((one) => one.messageId !== messageId));
  }
}

const idOf = (bytes: Buffer): string =>
  /^message-id: <([^@>]+)/im.exec(bytes.subarray(0, 4_096).toString())?.[1] ?? bytes.toString();
