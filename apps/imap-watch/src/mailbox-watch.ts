import type { MailboxSettings } from "@mailfleet/mail";
import {
  type Begun,
  type FolderPlace,
  type Found,
  type HowFound,
  type LookThrough,
  type MailboxSink,
  MailboxTroubleError,
  type Progress,
  type Session,
  stateOf,
  type Trouble,
} from "@mailfleet/mailbox";
import type { Queues } from "@mailfleet/queue";
import { crashPoint, monotonicClock } from "@mailfleet/service";
import type {
  ActionOutcome,
  DueAction,
  MailboxState,
  OpenedMailbox,
  Ownership,
  Position,
  Store,
  WorkerLease,
} from "@mailfleet/store";
import type { Telemetry } from "@mailfleet/telemetry";
import { type Circumstances, carryOut, refusedOutcome, SpecialFolders } from "./carry-out.ts";
import type { WatchSettings } from "./config.ts";
import { credentialsOf } from "./credentials.ts";
import { fingerprintOfFound, inlineBytes, recordableOf, type TakingRules } from "./found-message.ts";
import { readAgain } from "./read-again.ts";
import type { Room } from "./room.ts";
import type { Turnstile } from "./turnstile.ts";

export interface MailboxWatchDeps {
  readonly store: Pick<Store, "following" | "mailboxes" | "mailboxActions" | "accessTokens" | "blobs">;
  readonly queues: Pick<Queues, "wakeAnswer">;
  readonly telemetry: Telemetry;
  readonly lease: Pick<WorkerLease, "holds" | "databaseNowMs">;
  readonly room: Room;
  /** For what many mailboxes may write at the same moment. */
  readonly turn: Turnstile;
  readonly settings: WatchSettings;
}

/** Waits that only somebody's word, or news, ends. */
const untilToldMs = 3_600_000;
const actionsAtOnce = 20;

/** Thrown where the mailbox turned out to be another's, or gone; its signal has aborted then. */
class NotOursError extends Error {}

/** Writes down what following one mailbox finds, under the fence of its owner, and does what is asked for in it. */
export class MailboxWatch implements MailboxSink {
  /** What the owner knows of it; another revision means other settings. */
  revision: number;
  isTenantActive: boolean;
  readonly #deps: MailboxWatchDeps;
  readonly #owner: Ownership;
  readonly #tenantId: string;
  readonly #lost: () => void;
  /** Asks the follower to connect anew. */
  readonly #restart: () => void;
  #mailboxId: string;
  /** Aborts when the mailbox is left. */
  #signal = AbortSignal.abort();
  #state: MailboxState | undefined;
  #rules: TakingRules | undefined;
  #folders: SpecialFolders | undefined;
  #hasCachedToken = false;

  constructor(
    deps: MailboxWatchDeps,
    owner: Ownership,
    { tenantId, revision, isTenantActive }: { tenantId: string; revision: number; isTenantActive: boolean },
    { lost, restart }: { readonly lost: () => void; readonly restart: () => void },
  ) {
    this.#deps = deps;
    this.#owner = owner;
    this.#tenantId = tenantId;
    this.revision = revision;
    this.isTenantActive = isTenantActive;
    this.#lost = lost;
    this.#restart = restart;
    this.#mailboxId = String(owner.mailboxUid);
  }

  get isPaused(): boolean {
    return this.#state === "paused";
  }

  async begin(signal: AbortSignal): Promise<Begun> {
    const { store, settings, turn } = this.#deps;
    this.#signal = signal;
    const position = await turn(() => store.following.begin(this.#owner));
    // Settings that are older than the position may point elsewhere, and what is found there would be written to it.
    const open = () => store.mailboxes.open(this.#owner.mailboxUid, Number.POSITIVE_INFINITY);
    const mailbox = position && (await turn(open));
    if (!position || !mailbox) return this.#notOurs();
    crashPoint("watch-after-begin", mailbox.id);
    this.#mailboxId = mailbox.id;
    this.#rules = rulesOf(mailbox.settings, position, settings.messageBytes);
    this.#state = position.state;

    if (!this.isTenantActive) {
      if (position.state !== "suspended") await this.#change("suspended", { reason: "tenant_suspended" });
      return { kind: "wait", ms: untilToldMs };
    }
    if (position.state === "paused" && position.resume === null) return { kind: "wait", ms: untilToldMs };
    const retryMs = (position.retryAt?.getTime() ?? 0) - this.nowMs();
    if (retryMs > 0 && (position.state === "quarantined" || position.state === "unreachable")) {
      return { kind: "wait", ms: retryMs };
    }
    if (position.state === "new" || position.state === "suspended") await this.#change("connecting");

    const credentials = await this.#credentials(mailbox, signal);
    if (signal.aborted) return { kind: "wait", ms: 0 };
    if (credentials.kind === "trouble") return credentials;
    this.#hasCachedToken = credentials.isCached;
    return { kind: "start", start: startOf(mailbox, position, credentials.login, settings.messageBytes) };
  }

  async loginAgain(signal: AbortSignal): ReturnType<MailboxSink["loginAgain"]> {
    const mailbox = await this.#deps.store.mailboxes.open(this.#owner.mailboxUid, this.revision);
    if (!mailbox) return this.#notOurs();
    const credentials = await this.#credentials(mailbox, signal);
    return credentials.kind === "trouble" ? credentials : credentials.login;
  }

  async opened(session: Session): Promise<void> {
    this.#folders = new SpecialFolders(session);
    this.#hasCachedToken = false;
    const { following, capabilities } = session;
    await this.#change("following", { following, capabilities, retryAt: null });
  }

  async record(place: FolderPlace, found: readonly Found[], progress: Progress, how: HowFound): Promise<void> {
    const { store, queues, telemetry } = this.#deps;
    const rules = this.#rules as TakingRules;
    const messages = found.map((one) => recordableOf(one, rules, how, new Date(this.nowMs())));
    for (const message of messages) await this.#putIntoBlobStore(message);
    crashPoint("watch-before-record", this.#mailboxId);
    const verdicts = await store.following.record(
      this.#owner,
      place,
      messages.map((message) => (this.#isForBlobStore(message) ? withoutContent(message) : message)),
      progress,
    );
    if (!verdicts) this.#notOurs();
    crashPoint("watch-after-record", this.#mailboxId);
    if (progress.backfillDone) telemetry.backfilled({ tenantId: this.#tenantId, mailboxId: this.#mailboxId });
    messages.forEach(({ uid, skip, sizeBytes }, n) => {
      if (verdicts?.[n]?.kind !== "new") return;
      if (skip === undefined) queues.wakeAnswer(uid);
      const facts = { tenantId: this.#tenantId, mailboxId: this.#mailboxId, inboundId: uid, sizeBytes };
      telemetry.received({ ...facts, ...(skip && { skipped: skip.reason }) });
    });
  }

  async unknown(found: readonly Found[]): Promise<readonly Found[]> {
    const fingerprints = found.map(fingerprintOfFound);
    const known = await this.#deps.store.following.known(this.#owner.mailboxUid, fingerprints);
    return found.filter((_, n) => !known.has(Buffer.from(fingerprints[n] as Uint8Array).toString("hex")));
  }

  unknownUids(place: FolderPlace, uids: readonly number[], how: HowFound): Promise<readonly number[]> {
    return this.#deps.store.following.unknownUids(this.#owner.mailboxUid, place, uids, how);
  }

  hasRoom(): boolean {
    return this.#deps.room.hasRoom(this.#tenantId);
  }

  reserve(bytes: number, signal: AbortSignal): Promise<Disposable> {
    return this.#deps.room.reserve(this.#tenantId, bytes, signal);
  }

  nowMs(): number {
    return this.#deps.lease.databaseNowMs();
  }

  async attend(session: Session, lookThrough: LookThrough): Promise<void> {
    const { store } = this.#deps;
    const position = await store.following.heed(this.#owner);
    if (!position) return void this.#notOurs();
    if (position.backfill) await lookThrough(position.backfill);
    // A process that was paused must not act on what another may be doing by now.
    const mayAct = () => this.#deps.lease.holds(this.#owner.workerId);
    const isReconciled = position.reconciledAt !== null && position.uidValidity === Number(session.folder.uidValidity);
    for (;;) {
      const due = await store.mailboxActions.due(this.#owner.mailboxUid, actionsAtOnce);
      const delayed = new Set<string>();
      for (const one of due) {
        if (!mayAct()) return;
        if (one.inbound && delayed.has(one.inbound.uid)) continue;
        const outcome = await this.#carryOut(session, one, { mayAct, isReconciled });
        if (!outcome) return;
        if (!one.inbound) continue;
        // What comes after it about the same message waits for it.
        if (outcome.kind === "again") delayed.add(one.inbound.uid);
        else if (one.action.kind === "look" || one.action.kind === "fetch")
          this.#deps.queues.wakeAnswer(one.inbound.uid);
      }
      if (due.length < actionsAtOnce) return;
    }
  }

  /** Does it, and writes how it ended. Undefined where it may not be done by us any more. */
  async #carryOut(
    session: Session,
    one: DueAction,
    { mayAct, isReconciled }: Pick<Circumstances, "mayAct" | "isReconciled">,
  ): Promise<ActionOutcome | undefined> {
    const { store, settings } = this.#deps;
    const { mailboxUid } = this.#owner;
    let held: Disposable | undefined;
    const hold = async (bytes: number) => {
      held?.[Symbol.dispose]();
      held = await this.reserve(bytes, this.#signal);
    };
    const reading = { store, mailboxUid, maxContentBytes: settings.messageBytes, hold };
    const settle = async (outcome: ActionOutcome) => {
      if (!(await store.mailboxActions.settle(this.#owner, one.id, outcome))) this.#notOurs();
    };
    try {
      crashPoint("watch-before-action", this.#mailboxId);
      const outcome = await carryOut(session, this.#folders ?? new SpecialFolders(session), one, {
        mayAct,
        isReconciled,
        readAgain: (uid, inboundUid) => readAgain(reading, session, { uid, inboundUid, tries: one.tries }),
      });
      if (!outcome) return undefined;
      crashPoint("watch-after-action", this.#mailboxId);
      await settle(outcome);
      crashPoint("watch-after-settle", this.#mailboxId);
      return outcome;
    } catch (error) {
      // A message that no connection survives is not read for ever.
      if (one.action.kind === "fetch" && error instanceof MailboxTroubleError)
        await settle(refusedOutcome(error.trouble, one.tries));
      throw error;
    } finally {
      held?.[Symbol.dispose]();
    }
  }

  async paused(_uidValidity: number, unknown: number): Promise<void> {
    const detail = `${unknown} messages are not known; resume the mailbox to answer or to skip them`;
    await this.#change("paused", { reason: "uidvalidity_changed", detail });
  }

  async troubled(trouble: Trouble, retryMs: number): Promise<void> {
    const { kind, detail } = trouble;
    // The server may have withdrawn a token that we took to be good: once, a new one is asked for at once.
    if (kind === "authentication" && this.#hasCachedToken) {
      this.#hasCachedToken = false;
      await this.#deps.store.accessTokens.forget(this.#owner);
      return this.#restart();
    }
    const retryAt = new Date(this.nowMs() + retryMs);
    await this.#change(stateOf(trouble), { reason: kind, detail: `${trouble.code}: ${detail}`, retryAt }, retryMs);
  }

  onError(error: unknown): void {
    if (error instanceof NotOursError) return;
    this.#deps.telemetry.log.error(
      { event: "following_failed", tenantId: this.#tenantId, mailboxId: this.#mailboxId, err: error },
      "following a mailbox had trouble; it goes on",
    );
  }

  /** With the turn to use them, in the host's line of logins. */
  async #credentials(mailbox: OpenedMailbox, signal: AbortSignal): ReturnType<typeof credentialsOf> {
    const { store, settings, turn } = this.#deps;
    const intervalMs = 1_000 / settings.loginsPerSecond;
    const turnMs = await turn(() => store.following.reserveLogin(mailbox.settings.host, intervalMs));
    if (turnMs !== undefined && turnMs > 0) await monotonicClock.sleep(turnMs, signal);
    if (signal.aborted) {
      return { kind: "trouble", trouble: { kind: "unreachable", code: "LEFT", detail: "the mailbox is being left" } };
    }
    return credentialsOf(store, mailbox, this.#owner.workerId, signal);
  }

  async #change(
    state: MailboxState,
    facts: {
      readonly reason?: string;
      readonly detail?: string;
      readonly retryAt?: Date | null;
      readonly following?: "idle" | "poll";
      readonly capabilities?: readonly string[];
    } = {},
    retryInMs?: number,
  ): Promise<void> {
    const { store, turn } = this.#deps;
    const isOurs = await turn(() => store.following.change(this.#owner, { state, ...facts }));
    if (!isOurs) return void this.#notOurs();
    this.#state = state;
    const { reason, detail } = facts;
    this.#deps.telemetry.mailboxState({
      tenantId: this.#tenantId,
      mailboxId: this.#mailboxId,
      state,
      ...(reason === undefined ? {} : { reason }),
      ...(detail === undefined ? {} : { detail }),
      ...(retryInMs === undefined ? {} : { retryInMs }),
    });
  }

  #isForBlobStore({ content }: { readonly content?: Uint8Array }): boolean {
    return content !== undefined && content.length > inlineBytes && this.#deps.store.blobs !== undefined;
  }

  /** Before the row that names it; of a message that is known already none is put. */
  async #putIntoBlobStore(message: ReturnType<typeof recordableOf>): Promise<void> {
    if (!message.content || !this.#isForBlobStore(message)) return;
    const known = await this.#deps.store.following.known(this.#owner.mailboxUid, [message.fingerprint]);
    if (known.size === 0) await this.#deps.store.blobs?.put(message.uid, message.content);
  }

  #notOurs(): never {
    this.#lost();
    throw new NotOursError("the mailbox is another's by now, or gone");
  }
}

function withoutContent({ content: _, ...message }: ReturnType<typeof recordableOf>) {
  return { ...message, isInBlobStore: true };
}

function rulesOf(
  { role, maxAgeMs }: Pick<MailboxSettings, "role" | "maxAgeMs">,
  { startAt }: Position,
  maxContentBytes: number,
): TakingRules {
  return { role, maxAgeMs, startAt, maxContentBytes };
}

/** What the connection needs to know of the settings; the rest, such as prompts, is not held in memory. */
function startOf(
  { settings }: OpenedMailbox,
  { startAt, uidValidity, watermark, modseq, reconciledAt, resume }: Position,
  login: (Begun & { readonly kind: "start" })["start"]["login"],
  maxContentBytes: number,
): (Begun & { readonly kind: "start" })["start"] {
  const { host, port, security, caPem, allowInvalidCertificate, allowClearTextAuth } = settings;
  const { folder, mode, pollIntervalMs, take, filters, maxAgeMs } = settings;
  return {
    server: {
      host,
      port,
      security,
      ...(caPem === undefined ? {} : { caPem }),
      ...(allowInvalidCertificate === undefined ? {} : { allowInvalidCertificate }),
      ...(allowClearTextAuth === undefined ? {} : { allowClearTextAuth }),
    },
    login,
    folder,
    mode,
    pollIntervalMs,
    take,
    ...(filters === undefined ? {} : { filters }),
    maxAgeMs,
    startAt,
    maxContentBytes,
    position: { uidValidity, watermark, modseq, reconciledAt, resume },
  };
}
