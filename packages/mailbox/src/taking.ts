import type { FetchedMessage, Place } from "./fetching.ts";
import { type LargeJob, LargeMessages } from "./large-messages.ts";
import { sizeLimits } from "./limits.ts";
import type { Answer } from "./line.ts";
import { batchesOf, type Criteria } from "./listing.ts";
import { needsWord } from "./plan.ts";
import type { Session } from "./session.ts";
import type { FolderPlace, HowFound, MailboxSink, Progress, Start } from "./sink.ts";
import type { Suspects } from "./suspects.ts";
import { MailboxTroubleError } from "./trouble.ts";

/** Messages that are to be read and recorded, in ascending order of their UIDs. */
interface Job extends LargeJob {
  readonly uids: readonly number[];
  /** How many of them are done. */
  done: number;
  /** Written with the last of them, be it a large one. */
  readonly progress: Progress;
  /** Moves the watermark: nothing below its first UID is unknown. */
  readonly isAscent: boolean;
  readonly key?: string;
}

/** Messages of a job that are being recorded: so many of it are done then, save the large ones. */
interface Batch {
  readonly job: Job;
  readonly done: number;
  readonly large: readonly FetchedMessage[];
}

/**
 * Takes in what a folder holds, over one connection: lists, reads, has it recorded, and knows how far it has come.
 * Listing adds jobs; `step` does a batch of one.
 */
export class Taking {
  readonly #session: Session;
  readonly #start: Start;
  readonly #sink: MailboxSink;
  readonly #suspects: Suspects;
  readonly #signal: AbortSignal;
  readonly #large: LargeMessages;
  readonly #place: FolderPlace;
  readonly #jobs: Job[] = [];
  /** Every message up to here was listed. */
  #listedTo = 0;
  /** That was all that had arrived by then. */
  #listedAt = new Date(0);

  constructor(session: Session, start: Start, sink: MailboxSink, suspects: Suspects, signal: AbortSignal) {
    this.#session = session;
    this.#start = start;
    this.#sink = sink;
    this.#suspects = suspects;
    this.#signal = signal;
    this.#place = { folder: start.folder, uidValidity: Number(session.folder.uidValidity) };
    const progressWith = (uid: number, job: LargeJob) => this.#progressWith(uid, job as Job);
    this.#large = new LargeMessages(start, sink, this.#place, signal, progressWith);
  }

  get hasWork(): boolean {
    return this.#jobs.length > 0;
  }

  /** Nobody has looked yet: what arrived since the beginning is new. */
  async listFirst(): Promise<void> {
    const listedAt = this.#now();
    const highest = await this.#highestUid();
    const uids = await this.#list({ toUid: highest, since: this.#start.startAt, ...this.#wanted() });
    const since = await this.#arrivedSince(uids, this.#start.startAt);
    this.#listed(highest, listedAt);
    const progress = { ...this.#here(), ...this.#modseq(), ...this.#resumed() };
    this.#add({ uids: since, isAscent: true, progress });
  }

  /** Goes on from where somebody else has come to. */
  async listFrom(watermark: number): Promise<void> {
    this.#listedTo = watermark;
    await this.listNew(this.#here());
    await this.#listChanged(watermark);
  }

  /** What has changed below the watermark while nobody looked, where the server can tell: the rest need not be asked for. */
  async #listChanged(watermark: number): Promise<void> {
    const { modseq } = this.#start.position;
    const { highestModseq } = this.#session.folder;
    if (modseq === null || highestModseq === undefined || BigInt(modseq) >= highestModseq) return;
    const since = this.#youngEnough();
    const changed = { toUid: watermark, changedSince: BigInt(modseq), since };
    const uids = await this.#unrecorded({ ...changed, ...this.#wanted() }, since);
    this.#add({ uids, isAscent: false, progress: this.#modseq(), key: "changed" });
  }

  /** Lists what lies above what was listed; `progress` is written although that may be nothing. */
  async listNew(progress?: Progress): Promise<void> {
    const listedAt = this.#now();
    const above = await this.#list({ fromUid: this.#listedTo + 1 });
    const last = above.at(-1);
    if (last === undefined && progress === undefined) return;
    // A few are told apart by their flags once they are here; of many the server says which are wanted.
    const isFew = above.length <= sizeLimits.messagesPerFetch && this.#start.filters === undefined;
    const uids = isFew ? above : await this.#list({ uids: above, ...this.#wanted() });
    this.#listed(last ?? this.#listedTo, listedAt);
    this.#add({ uids, isAscent: true, how: { isSinceFirst: true }, progress: progress ?? {} });
  }

  /**
   * The folder was renumbered: fingerprints tell which messages are known. Resolves with false where so many are not that
   * a person must say what becomes of them.
   */
  async listRenumbered(): Promise<boolean> {
    const listedAt = this.#now();
    const highest = await this.#highestUid();
    const since = this.#youngEnough();
    const uids = await this.#arrivedSince(await this.#list({ toUid: highest, since, ...this.#wanted() }), since);
    const unknown: number[] = [];
    for (const some of batchesOf(uids, sizeLimits.messagesPerFetch)) {
      using _held = await this.#sink.reserve(some.length * sizeLimits.pieceBytes, this.#signal);
      const found = await this.#fetch(some);
      const strange = new Set((await this.#sink.unknown(found)).map(({ uid }) => uid));
      unknown.push(...strange);
      // Where the known ones lie now.
      const known = found.filter(({ uid, isWhole }) => isWhole && !strange.has(uid));
      if (known.length > 0) await this.#sink.record(this.#place, known, {}, {});
    }
    const { resume } = this.#start.position;
    if (resume === null && needsWord(unknown.length)) {
      await this.#sink.paused(this.#place.uidValidity, unknown.length);
      return false;
    }
    this.#listed(highest, listedAt);
    this.#add({
      uids: unknown,
      isAscent: true,
      progress: { ...this.#here(), ...this.#modseq(), ...this.#resumed() },
      how: resume === "skip" ? { asSkipped: "before_start" } : {},
    });
    return true;
  }

  /** Looks below what was listed for what was missed: messages that a server showed late, or out of order. */
  async listMissed(): Promise<void> {
    if (this.#isUnderWay("missed")) return;
    const since = this.#youngEnough();
    const uids = await this.#unrecorded({ since, ...this.#wanted() }, since);
    const progress = { isReconciled: true, ...this.#modseq() };
    this.#add({ uids, isAscent: false, progress, key: "missed" });
  }

  /** Looks through a window of the past for what is not recorded, or was skipped for its time, whoever has opened it since. */
  async listWindow({ since, until }: { readonly since: Date; readonly until: Date }): Promise<void> {
    const key = `${since.getTime()}-${until.getTime()}`;
    if (this.#isUnderWay(key)) return;
    const { filters } = this.#start;
    const how = { isAskedFor: true };
    const uids = await this.#unrecorded({ since, until, ...(filters ? { filters } : {}) }, since, { until, how });
    this.#add({ uids, isAscent: false, how, progress: { backfillDone: true }, key });
  }

  /** Reads a batch and has it recorded. Where that fails, it is still to be done. */
  async step(): Promise<void> {
    const job = this.#jobs[0];
    if (!job) return;
    const some = job.uids.slice(job.done, job.done + this.#suspects.batchSize(sizeLimits.messagesPerFetch));
    using _held = await this.#sink.reserve(some.length * sizeLimits.pieceBytes, this.#signal);
    const found = (await this.#fetch(some)).filter((message) => job.how.isAskedFor || this.#isWanted(message));
    const ready = found.filter((message) => this.#isReady(message));
    const large = found.filter((message) => !this.#isReady(message));
    const done = job.done + some.length;
    const isOver = done >= job.uids.length;
    const isLast = isOver && large.length === 0 && !this.#large.isReadingFor(job);
    const watermark = job.isAscent ? { watermark: this.#watermark({ batch: { job, done, large } }) } : {};
    const progress = isOver ? this.#settled(job, isLast) : {};
    await this.#sink.record(this.#place, ready, { ...watermark, ...progress }, job.how);
    this.#large.add(large, job);
    job.done = done;
    // Where the last large one was recorded in the meantime, the end is for the next step to write.
    if (isLast || (isOver && this.#large.isReadingFor(job))) this.#jobs.shift();
  }

  #add(job: Omit<Job, "done" | "how"> & { readonly how?: HowFound }): void {
    this.#jobs.push({ how: {}, ...job, done: 0 });
  }

  async #unrecorded(
    criteria: Criteria,
    since: Date,
    { until, how = {} }: { readonly until?: Date; readonly how?: HowFound } = {},
  ): Promise<readonly number[]> {
    const uids = await this.#list({ toUid: this.#listedTo, ...criteria });
    // What is about to be skipped is there to be asked for once that is done: jobs are done in their order.
    const others = this.#jobs.filter((job) => !how.isAskedFor || job.how.asSkipped === undefined);
    const waiting = new Set(others.flatMap((job) => job.uids.slice(job.done)));
    const unknown = await this.#sink.unknownUids(this.#place, uids, how);
    return this.#arrivedSince(
      unknown.filter((uid) => !waiting.has(uid) && !this.#large.has(uid)),
      since,
      until,
    );
  }

  /** Whether it can be recorded as it is here, or must be read in pieces first. */
  #isReady({ isWhole, sizeBytes }: FetchedMessage): boolean {
    return isWhole || sizeBytes > this.#start.maxContentBytes || sizeBytes === 0;
  }

  /**
   * What is written with the end of a job: nothing is complete while there is something still to be read, save the large
   * message `uid` that is here now; and what was asked for is done once the last of it is recorded.
   */
  #settled(job: Job, isLast: boolean, uid?: number): Progress {
    const { uidValidity, backfillDone, ...rest } = job.progress;
    const here = uidValidity === undefined ? {} : { uidValidity };
    if (!isLast) return here;
    const others = this.#jobs.filter((one) => one !== job);
    const isAll = this.#large.lowestUid(uid) === undefined && others.length === 0;
    const hasWindow = others.some(({ progress }) => progress.backfillDone);
    return {
      ...here,
      ...rest,
      ...(isAll ? { completeAt: this.#listedAt } : {}),
      ...(backfillDone && !hasWindow ? { backfillDone } : {}),
    };
  }

  /** What is known once the large message `uid` is recorded; its job is over where it was the last of it. */
  #progressWith(uid: number, job: Job): Progress {
    const isLast = !this.#jobs.includes(job) && !this.#large.isReadingFor(job, uid);
    return { watermark: this.#watermark({ uid }), ...this.#settled(job, isLast, uid) };
  }

  /** A window, or a look for what was missed, whose messages are not all recorded. */
  #isUnderWay(key: string): boolean {
    return this.#jobs.some((job) => job.key === key) || this.#large.isReadingForKey(key);
  }

  /** Up to where everything is recorded, once the large message `uid` is, or a batch without its large ones. */
  #watermark({ uid: exceptUid, batch }: { readonly uid?: number; readonly batch?: Batch }): number {
    const left = this.#jobs.map((job) => job.isAscent && job.uids[job === batch?.job ? batch.done : job.done]);
    const lowest = [this.#large.lowestUid(exceptUid), ...(batch?.large ?? []).map(({ uid }) => uid), ...left];
    return Math.min(this.#listedTo, ...lowest.filter((uid) => typeof uid === "number").map((uid) => uid - 1));
  }

  /** The person's word that there may be is carried out with this. */
  #resumed(): Progress {
    return this.#start.position.resume === null ? {} : { resumeDone: true };
  }

  #now(): Date {
    return new Date(this.#sink.nowMs());
  }

  /** At that moment there was nothing above. */
  #listed(upTo: number, at: Date): void {
    this.#listedTo = upTo;
    this.#listedAt = at;
  }

  #here(): Progress {
    return { uidValidity: this.#place.uidValidity };
  }

  #modseq(): Progress {
    const { highestModseq } = this.#session.folder;
    return highestModseq === undefined ? {} : { modseq: String(highestModseq) };
  }

  #wanted(): Criteria {
    const { take, filters } = this.#start;
    return { ...(take === "unseen" ? { unseen: true } : {}), ...(filters ? { filters } : {}) };
  }

  #isWanted({ flags }: Place): boolean {
    return !flags.includes("\\Deleted") && (this.#start.take === "all" || !flags.includes("\\Seen"));
  }

  #youngEnough(): Date {
    return new Date(Math.max(this.#sink.nowMs() - this.#start.maxAgeMs, this.#start.startAt.getTime()));
  }

  async #fetch(uids: readonly number[]): Promise<FetchedMessage[]> {
    const found: FetchedMessage[] = [];
    const readable = uids.filter((uid) => !this.#suspects.isUnreadable(uid));
    found.push(...uids.filter((uid) => !readable.includes(uid)).map((uid) => this.#unreadable(uid)));
    if (readable.length > 0) {
      this.#suspects.begin(readable);
      const refusal = await this.#session.fetch(readable, (message) => found.push(message));
      if (refusal) {
        this.#suspects.refused();
        throw troubleOf("FETCH", refusal);
      }
      this.#suspects.end();
    }
    return found.sort((a, b) => a.uid - b.uid);
  }

  /** What stands for a message that cannot be read: its place is all that is known of it. */
  #unreadable(uid: number): FetchedMessage {
    const bytes = Buffer.from(`${this.#place.uidValidity}/${uid}`);
    return { uid, flags: [], arrivedAt: this.#now(), sizeBytes: 0, bytes, isWhole: false };
  }

  async #list(criteria: Criteria): Promise<readonly number[]> {
    return given("SEARCH", await this.#session.list(criteria));
  }

  async #arrivedSince(uids: readonly number[], since: Date, until?: Date): Promise<readonly number[]> {
    if (uids.length === 0) return uids;
    return given("FETCH", await this.#session.places(uids))
      .filter(({ arrivedAt }) => !isBefore(arrivedAt, since) && (until === undefined || arrivedAt <= until))
      .map(({ uid }) => uid)
      .sort((a, b) => a - b);
  }

  async #highestUid(): Promise<number> {
    return given("SEARCH", await this.#session.highestUid());
  }
}

/** INTERNALDATE has whole seconds. */
const isBefore = (arrivedAt: Date, moment: Date): boolean =>
  arrivedAt.getTime() < Math.floor(moment.getTime() / 1_000) * 1_000;

/** A folder that cannot be searched or read is one that is not followed. */
function troubleOf(command: string, { code, detail }: { readonly code: string; readonly detail: string }) {
  return new MailboxTroubleError({ kind: "protocol", code, detail: `${command}: ${detail}` });
}

function given<T>(command: string, answer: Answer<T>): T {
  if (!answer.ok) throw troubleOf(command, answer);
  return answer.value;
}
