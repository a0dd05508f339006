/** smtp-server's connection, held to our limits and replies; what follows from a command is the conversation's. */
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { SMTPConnection, type SMTPConnectionOptions } from "smtp-server/lib/smtp-connection.js";
import type { Conversation } from "./conversation.ts";
import type { SubmissionServer } from "./submission-server.ts";

/** A text of ours brings its own enhanced status code; smtp-server guesses one from the reply code otherwise. */
const ownStatus = /^[245]\.\d{1,3}\.\d{1,3} /;

/** How a session ended, for its metric. */
export type SessionResult = "quit" | "cut_off" | "lost";

export class SubmissionConnection extends SMTPConnection {
  readonly conversation: Conversation;
  readonly #server: SubmissionServer;
  readonly #openedAtMs = performance.now();
  #contentSinceMs: number | undefined;
  #committing = false;
  #errors = 0;
  #refusals = 0;
  #result: SessionResult = "lost";

  constructor(
    server: SubmissionServer,
    socket: Socket | TLSSocket,
    options: SMTPConnectionOptions | null | undefined,
    conversation: Conversation,
  ) {
    super(server, socket, options ?? null);
    this.#server = server;
    this.conversation = conversation;
  }

  get result(): SessionResult {
    return this.#result;
  }

  get ageMs(): number {
    return performance.now() - this.#openedAtMs;
  }

  /** Greets at once: who must authenticate gains nothing from talking too soon, and a pause costs each connection 0.1 s. */
  override init(): void {
    this._setListeners(() => {
      const { maxClients = Number.POSITIVE_INFINITY } = this.#server.options;
      if (this.#server.connections.size > maxClients)
        return this.send(421, "4.3.2 Too many connections, try again later");
      this.connectionReady();
    });
  }

  override send(code: number, data?: string | string[] | null, context?: string | false): void {
    if (code === 221) this.#result = "quit";
    if (code === 421) this.#result = "cut_off";
    // AUTH is not offered where it would go out in clear.
    const offersAuth = this.secure || this.#server.options.allowInsecureAuth;
    const shown = Array.isArray(data) && !offersAuth ? data.filter((line) => !line.startsWith("AUTH ")) : data;
    this.#gatherReplies();
    super.send(code, shown, typeof shown === "string" && ownStatus.test(shown) ? false : context);
    if (code === 220) this._socket.uncork(); // A TLS handshake may follow, below what is gathered.
    if (code >= 400 && code !== 421) this.#count(code);
  }

  /** Replies to commands that came in one go leave in one go (RFC 2920): a write costs more than all else about them. */
  #gatherReplies(): void {
    const socket = this._socket;
    if (socket.writableCorked > 0) return;
    socket.cork();
    process.nextTick(() => socket.uncork());
  }

  #count(code: number): void {
    const { errorsPerSession, refusalsPerSession } = this.#server.limits;
    if (code >= 500) this.#errors++;
    else this.#refusals++;
    if (this._closing) return;
    if (this.#errors >= errorsPerSession || this.#refusals >= refusalsPerSession)
      this.send(421, "4.7.0 Too many errors");
  }

  override _onCommand(command: Buffer, callback?: () => void): void {
    if (this.#server.isDraining && this.#isIdle()) this.#leave();
    else super._onCommand(command, callback);
  }

  override _resetSession(): void {
    super._resetSession();
    this.conversation.reset();
    if (this.#server.isDraining) setImmediate(() => this.leaveWhenIdle());
  }

  /** Content is coming in. */
  contentBegins(): void {
    this.#contentSinceMs = performance.now();
  }

  /** The final dot has come; nothing cuts the client off before its reply. */
  contentEnds(): void {
    this.#contentSinceMs = undefined;
    this.#committing = true;
  }

  committed(): void {
    this.#committing = false;
  }

  /** Says goodbye where no transaction is in hand; what is in hand comes back here when it has ended. */
  leaveWhenIdle(): void {
    if (this.#isIdle()) this.#leave();
  }

  /** Ends the session now, unless a commit is under way. */
  stop(): void {
    if (!this.#committing) this.#leave();
  }

  /** Cuts off who is too slow, however its octets drip. */
  checkDeadlines(): void {
    if (this._closing || this._closed || this.#committing || this._handlerPending) return;
    const { authenticateMs, contentMs, sessionMs } = this.#server.limits;
    const slowContent = this.#contentSinceMs !== undefined && performance.now() - this.#contentSinceMs > contentMs;
    if (!this.session.user && this.ageMs > authenticateMs) this.send(421, "4.7.0 Authentication took too long");
    else if (slowContent) this.send(421, "4.4.2 The content took too long");
    else if (this.ageMs > sessionMs) this.send(421, "4.4.2 The session took too long");
  }

  #isIdle(): boolean {
    // An AUTH exchange that has begun waits in `_nextHandler`; it is nothing that could be lost.
    return !this._upgrading && !this._handlerPending && !this._dataStream && !this.session.envelope?.mailFrom;
  }

  #leave(): void {
    if (!this._closing && !this._closed) this.send(421, "4.3.2 Going down, try again");
  }
}
