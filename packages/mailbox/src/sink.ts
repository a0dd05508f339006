import type { MailboxSettings } from "@mailfleet/mail";
import type { Place } from "./fetching.ts";
import type { ImapTimeLimits } from "./limits.ts";
import type { Login, ServerSettings } from "./line.ts";
import type { Filters } from "./listing.ts";
import type { KnownPosition } from "./plan.ts";
import type { Session } from "./session.ts";
import type { Trouble } from "./trouble.ts";

/** What it takes to follow a mailbox once, from connecting to the end of the connection. */
export interface Start {
  readonly server: ServerSettings;
  readonly login: Login;
  readonly folder: string;
  readonly mode: MailboxSettings["mode"];
  readonly pollIntervalMs: number;
  readonly take: MailboxSettings["take"];
  readonly filters?: Filters;
  readonly maxAgeMs: number;
  /** What arrived before is not taken. */
  readonly startAt: Date;
  readonly position: KnownPosition & { readonly modseq: string | null; readonly reconciledAt: Date | null };
  /** Larger messages are given to `record` without their content. */
  readonly maxContentBytes: number;
  readonly timeLimits?: Partial<ImapTimeLimits>;
}

export type Begun =
  | { readonly kind: "start"; readonly start: Start }
  /** Not yet: a pause, a quarantine. `wake` asks again earlier. */
  | { readonly kind: "wait"; readonly ms: number }
  /** What stands in the way is known without connecting: an issuer that gives no access token. */
  | { readonly kind: "trouble"; readonly trouble: Trouble };

/** A message to be recorded: all of it, or without its content because it is too large. */
export interface Found extends Place {
  /** From its first byte; the whole where `isWhole`. */
  readonly bytes: Buffer;
  readonly isWhole: boolean;
}

/** What is known of the folder once a batch is recorded; written with it, in one transaction. */
export interface Progress {
  readonly uidValidity?: number;
  /** Every message up to this UID is recorded, or was not to be. */
  readonly watermark?: number;
  /** The folder's mod-sequence (RFC 7162) when it was opened: what has not changed since then was looked at. */
  readonly modseq?: string;
  /** Nothing that arrived before this moment is missing: it is when the folder was listed, by `nowMs`. */
  readonly completeAt?: Date;
  readonly isReconciled?: boolean;
  readonly resumeDone?: boolean;
  /** The window that was asked for has been looked through, and what was found is recorded. */
  readonly backfillDone?: boolean;
}

/**
 * What follows a mailbox, and writes what it finds. Methods of one sink are called one at a time,
 * save that large messages are recorded beside the rest (`loginAgain`, `reserve`, `record`).
 *
 * A method that rejects is tried again after a while, over the same connection. Whoever finds that the mailbox is no
 * longer his aborts the signal that `follow` was given.
 */
export interface MailboxSink {
  /** Asked before each connection: everything is read anew. Waits for its turn to log in. */
  begin(signal: AbortSignal): Promise<Begun>;
  /** Waits for the turn to log in once more, beside the connection that there is, and says with what. */
  loginAgain(signal: AbortSignal): Promise<Login | { readonly kind: "trouble"; readonly trouble: Trouble }>;
  /** The folder is open. */
  opened(session: Session): Promise<void>;
  /** Records what was found, and how far the folder is known. */
  record(place: FolderPlace, found: readonly Found[], progress: Progress, how: HowFound): Promise<void>;
  /** Which of these messages were never recorded, wherever they lay. */
  unknown(found: readonly Found[]): Promise<readonly Found[]>;
  /** Which of these UIDs nothing was recorded under; where somebody asked for them, nothing that may still be answered. */
  unknownUids(place: FolderPlace, uids: readonly number[], how: HowFound): Promise<readonly number[]>;
  /** False while no more is to be taken in; it is asked before each batch, and again after `followLimits.fullMs`. */
  hasRoom(): boolean;
  /** Waits until so many bytes may be held; disposed of when they are let go. */
  reserve(bytes: number, signal: AbortSignal): Promise<Disposable>;
  /** Called after `opened`, and after each `wake`: does what was asked for in the mailbox. */
  attend(session: Session, lookThrough: LookThrough): Promise<void>;
  /** A renumbering left so many unknown messages that a person must say what becomes of them; the connection ends. */
  paused(uidValidity: number, unknown: number): Promise<void>;
  /** The connection has ended, or none came about; `retryMs` from now it is tried again. */
  troubled(trouble: Trouble, retryMs: number): Promise<void>;
  /** What time it is by the clock that ages and beginnings are judged by, in ms since 1970. */
  nowMs(): number;
  /** Trouble of the sink's own, such as a database that is away. */
  onError(error: unknown): void;
}

export interface HowFound {
  /** Recorded with this reason, and without an answer. */
  readonly asSkipped?: string;
  /** Somebody asked for a look at the past: when it arrived, and who has opened it, does not matter. */
  readonly isAskedFor?: boolean;
  /** Its UID is above those that were there when somebody first looked: it came since, whatever the server's clock says. */
  readonly isSinceFirst?: boolean;
}

export interface FolderPlace {
  readonly folder: string;
  readonly uidValidity: number;
}

/**
 * Has what arrived in a window of the past taken where it is not recorded, or was skipped for its time; whether a person has opened it does not matter
 * then. `Progress.backfillDone` is written with the last of it.
 */
export type LookThrough = (window: { readonly since: Date; readonly until: Date }) => Promise<void>;
