/** One session's side of the house: what follows from each command. It knows no socket and no smtp-server. */
import {
  type DeliveryTarget,
  type MailTransaction,
  type Refusal,
  reply,
  type Submitter,
  storeAway,
} from "@mailfleet/delivery";
import type { SmtpReply } from "@mailfleet/mail";
import { type AuthenticateDeps, type Authentication, authenticate } from "./authenticate.ts";
import { type Collector, type ContentBudget, collector } from "./content.ts";
import type { SmtpLimits } from "./limits.ts";
import { type Path, readMail, readRecipient } from "./parameters.ts";

export interface ConversationDeps extends AuthenticateDeps {
  readonly target: DeliveryTarget;
  readonly budgetOf: (tenantId: string) => ContentBudget;
  readonly limits: SmtpLimits;
  readonly maxMessageBytes: number;
  /** What the listener calls itself. */
  readonly name: string;
  /** Sessions of each tenant that are open. */
  readonly tenantSessions: Map<string, number>;
}

/** Who is at the other end, as it stands when asked. */
export interface Peer {
  readonly sessionId: string;
  readonly remoteAddress: string;
  readonly ehlo: string;
  /** As RFC 3848 registers it, such as "ESMTPSA". */
  readonly protocol: string;
}

const authenticationRequired = reply(530, "5.7.0", "Authentication required");
const tooManyMessages = reply(421, "4.7.0", "Enough messages for one session");
const tooManySessions = reply(454, "4.7.0", "The tenant has too many sessions open");
const internal = reply(451, "4.3.0", "Internal error, try again later");

export class Conversation {
  readonly #deps: ConversationDeps;
  #submitter: Submitter | undefined;
  #transaction: MailTransaction | undefined;
  #smtpUtf8 = false;
  #collector: Collector | undefined;
  #messages = 0;

  constructor(deps: ConversationDeps) {
    this.#deps = deps;
  }

  /** Messages accepted so far. */
  get messages(): number {
    return this.#messages;
  }

  get tenantId(): string | undefined {
    return this.#submitter?.tenantId;
  }

  async authenticate(user: string, password: string, remoteAddress: string): Promise<Authentication> {
    const { tenantSessions, limits } = this.#deps;
    const authentication = await authenticate(this.#deps, { user, password, remoteAddress });
    if (authentication.kind === "refused") return authentication;
    const { tenantId } = authentication.submitter;
    const open = tenantSessions.get(tenantId) ?? 0;
    if (open >= limits.sessionsPerTenant) return { kind: "refused", reply: tooManySessions };
    this.#forgetSubmitter();
    tenantSessions.set(tenantId, open + 1);
    this.#submitter = authentication.submitter;
    return authentication;
  }

  /** MAIL: begins a transaction. */
  async mail(path: Path, peer: Peer): Promise<Refusal | undefined> {
    const { limits, target, name } = this.#deps;
    if (!this.#submitter) return authenticationRequired;
    if (this.#messages >= limits.messagesPerSession) return tooManyMessages;
    const parameters = readMail(path);
    if (parameters.kind === "refused") return parameters.reply;
    const started = await target.start({
      ...parameters.value,
      submitter: this.#submitter,
      hop: {
        from: { ehlo: peer.ehlo, ip: peer.remoteAddress },
        by: name,
        with: parameters.value.smtpUtf8 ? peer.protocol.replace("ESMTP", "UTF8SMTP") : peer.protocol,
        id: `${peer.sessionId}.${this.#messages + 1}`,
      },
    });
    if (started.kind === "refused") return started.reply;
    this.#transaction = started.transaction;
    this.#smtpUtf8 = parameters.value.smtpUtf8;
    return undefined;
  }

  /** RCPT. */
  async recipient(path: Path): Promise<Refusal | undefined> {
    if (!this.#transaction) return reply(503, "5.5.1", "MAIL first");
    const recipient = readRecipient(path, this.#smtpUtf8);
    if (recipient.kind === "refused") return recipient.reply;
    return this.#transaction.addRecipient(recipient.value);
  }

  /** DATA: the next chunks are content. */
  beginContent(): void {
    const { maxMessageBytes, budgetOf } = this.#deps;
    this.#collector = collector(maxMessageBytes, budgetOf(this.#submitter?.tenantId ?? ""));
  }

  content(chunk: Buffer): void {
    this.#collector?.add(chunk);
  }

  /** The final dot. Ends the transaction, whatever comes of it. */
  async endContent(): Promise<SmtpReply> {
    const transaction = this.#transaction;
    const collected = this.#collector;
    this.#transaction = undefined;
    this.#collector = undefined;
    if (!transaction || !collected) return internal;
    try {
      const end = collected.end();
      if ("refusal" in end) return end.refusal;
      const refusal = await transaction.body(end.content);
      if (refusal) return refusal;
      const { reply } = await transaction.commit();
      if (reply.code < 400) this.#messages++;
      return reply;
    } catch (error) {
      this.#deps.telemetry.log.error({ err: error }, "a mail transaction failed");
      return storeAway;
    } finally {
      collected.release();
      await transaction.abort();
    }
  }

  /** RSET, EHLO, STARTTLS or a lost connection: whatever was begun leaves nothing. */
  reset(): void {
    const transaction = this.#transaction;
    this.#transaction = undefined;
    this.#collector?.release();
    this.#collector = undefined;
    transaction?.abort().catch((error) => this.#deps.telemetry.log.error({ err: error }, "an abort failed"));
  }

  /** The session is over. */
  close(): void {
    this.reset();
    this.#forgetSubmitter();
  }

  #forgetSubmitter(): void {
    const tenantId = this.#submitter?.tenantId;
    if (tenantId === undefined) return;
    const { tenantSessions } = this.#deps;
    const open = (tenantSessions.get(tenantId) ?? 1) - 1;
    if (open > 0) tenantSessions.set(tenantId, open);
    else tenantSessions.delete(tenantId);
    this.#submitter = undefined;
  }
}
