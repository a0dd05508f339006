import { type Abilities, abilitiesOf } from "./abilities.ts";
import {
  type AppendedMessage,
  appendOnce,
  changeFlags,
  type DeedOutcome,
  type MayAct,
  moveMessage,
  searchIn,
} from "./deeds.ts";
import { type FetchedMessage, fetchContent, fetchMessages, fetchPlaces, type Place } from "./fetching.ts";
import { type Folder, findSpecialFolder, inFolder, type SpecialUse, selectFolder } from "./folder.ts";
import { type ImapTimeLimits, imapTimeLimits } from "./limits.ts";
import { type Answer, Line, type Login, type Refusal, type ServerSettings } from "./line.ts";
import { type Criteria, highestUid, listByMessageId, listReplies, listUids } from "./listing.ts";
import { MailboxTroubleError, type Trouble } from "./trouble.ts";
import { type Heard, Waiting } from "./waiting.ts";

export interface OpenOptions {
  readonly folder: string;
  readonly mode: "idle" | "poll";
  /** How often a mailbox is asked that is polled, or whose server has no IDLE. */
  readonly pollIntervalMs: number;
  /** EXAMINE: nothing can be changed. */
  readonly readOnly?: boolean;
  readonly timeLimits?: Partial<ImapTimeLimits>;
  /** Gives up connecting. */
  readonly signal?: AbortSignal;
}

export type Opened =
  | { readonly ok: true; readonly session: Session }
  | { readonly ok: false; readonly trouble: Trouble };

/**
 * Connects, logs in and opens the folder. Trouble is a value here; nothing of it is left open.
 */
export async function openMailbox(settings: ServerSettings, login: Login, options: OpenOptions): Promise<Opened> {
  const timeLimits = { ...imapTimeLimits, ...options.timeLimits };
  const line = await Line.open(settings, login, timeLimits, options.signal);
  if (!(line instanceof Line)) return { ok: false, trouble: line };
  try {
    const opened = await selectFolder(line, options.folder, options.readOnly ? { readOnly: true } : {});
    if (opened.ok) return { ok: true, session: new Session(line, opened.folder, options) };
    await line.logOut();
    return opened;
  } catch (error) {
    line.close();
    if (error instanceof MailboxTroubleError) return { ok: false, trouble: error.trouble };
    throw error;
  }
}

/**
 * A connection with its folder open. One thing at a time: each method is awaited before the next is called, save `wake`.
 * Every method rejects with a `MailboxTroubleError` when the connection has ended, and then for good.
 */
export class Session implements AsyncDisposable {
  readonly folder: Folder;
  readonly #line: Line;
  readonly #waiting: Waiting;
  readonly #pollMs: number;

  constructor(line: Line, folder: Folder, { mode, pollIntervalMs }: OpenOptions) {
    this.folder = folder;
    this.#line = line;
    this.#pollMs = pollIntervalMs;
    this.#waiting = new Waiting(line, mode === "idle" && this.abilities.idle ? undefined : pollIntervalMs);
  }

  /** How the folder is followed: a server without IDLE is polled. */
  get following(): "idle" | "poll" {
    return this.#waiting.mode;
  }

  get abilities(): Abilities {
    return abilitiesOf(new Set(this.capabilities));
  }

  /** In capitals, as the server announced them. */
  get capabilities(): readonly string[] {
    const { capabilities, enabled } = this.#line.client;
    // What it announces of IMAP4rev2 counts only where it was enabled (RFC 9051 appendix A).
    const announced = [...capabilities.keys()].map((name) => name.toUpperCase()).filter((name) => name !== "IMAP4REV2");
    return enabled.has("IMAP4REV2") ? [...announced, "IMAP4REV2"] : announced;
  }

  /** UIDs of the messages that match, ascending. */
  async list(criteria: Criteria): Promise<Answer<readonly number[]>> {
    await inFolder(this.#line, this.folder);
    return listUids(this.#line, criteria);
  }

  /** The UID of the folder's last message; 0 where it is empty. */
  async highestUid(): Promise<Answer<number>> {
    await inFolder(this.#line, this.folder);
    return highestUid(this.#line);
  }

  /** Reads messages and gives each to `take`, which must not use this session. Nothing is marked as seen. */
  async fetch(uids: readonly number[], take: (message: FetchedMessage) => void): Promise<Refusal | undefined> {
    await inFolder(this.#line, this.folder);
    return fetchMessages(this.#line, uids, take);
  }

  /** Where messages stand now; those that have gone are left out. */
  async places(uids: readonly number[]): Promise<Answer<readonly Place[]>> {
    await inFolder(this.#line, this.folder);
    return fetchPlaces(this.#line, uids);
  }

  /** The content of one message, in pieces. Rejects with a `MessageGoneError` where it is no longer there. */
  async *content(uid: number, maxBytes: number): AsyncGenerator<Buffer, void> {
    using _limit = this.#line.within("reading a large message", this.#line.limits.downloadMs);
    await inFolder(this.#line, this.folder);
    yield* fetchContent(this.#line, uid, maxBytes);
  }

  /** Waits for news of the folder, at most `maxMs`. */
  async wait(maxMs: number): Promise<Heard> {
    await inFolder(this.#line, this.folder);
    return this.#waiting.wait(maxMs, this.#pollMs);
  }

  /** Ends a wait, now or when it begins. */
  wake(): void {
    this.#waiting.wake();
  }

  changeFlags(
    uid: number,
    change: { readonly add?: readonly string[]; readonly remove?: readonly string[] },
    mayAct?: MayAct,
  ): Promise<DeedOutcome> {
    return changeFlags(this.#line, this.folder, uid, change, mayAct);
  }

  move(
    uid: number,
    to: string,
    options: { readonly messageId?: string; readonly mayAct?: MayAct } = {},
  ): Promise<DeedOutcome> {
    return moveMessage(this.#line, this.folder, uid, to, options);
  }

  /** Looks into another folder; the next use of this session's own comes back to it. */
  appendOnce(message: AppendedMessage): Promise<DeedOutcome> {
    return appendOnce(this.#line, message);
  }

  /** Whether a folder, such as Sent, has an answer to the message with that Message-ID; no such folder has none. */
  async hasReply(path: string, messageId: string): Promise<boolean | Refusal> {
    const found = await searchIn(this.#line, path, () => listReplies(this.#line, messageId));
    return found.ok ? found.value.length > 0 : found;
  }

  /** UIDs of the folder's messages with that Message-ID. */
  async withMessageId(messageId: string): Promise<Answer<readonly number[]>> {
    await inFolder(this.#line, this.folder);
    return listByMessageId(this.#line, messageId);
  }

  findSpecialFolder(use: SpecialUse): Promise<string | undefined | Refusal> {
    return findSpecialFolder(this.#line, use);
  }

  /** Takes leave of the server, within its time limit. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#line.logOut();
  }

  /** Hangs up at once. */
  close(): void {
    this.#line.close();
  }
}
