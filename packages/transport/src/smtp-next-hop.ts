import { type Ending, type Envelope, judge, type NotAttempted, type SendResult } from "@mailfleet/mail";
import { type Conversation, converse } from "./conversation.ts";
import { type DkimSigner, dkimSigner } from "./dkim.ts";
import { envelopeCommands } from "./envelope-commands.ts";
import type { Content, NextHop, NextHopSettings } from "./next-hop.ts";
import { openSession, type Session } from "./session.ts";
import { defaultTimeLimits, type TimeLimits } from "./time-limits.ts";
import { transact } from "./transaction.ts";

export interface NextHopOptions {
  /** Overrides single limits of `defaultTimeLimits`. */
  readonly timeLimits?: Partial<TimeLimits>;
  /** After so many messages the connection is left and another opened: next hops count, and cut. */
  readonly maxMessagesPerConnection?: number;
}

const defaultMaxMessagesPerConnection = 1_000;

/** A connection to a next hop over SMTP (RFC 5321) or LMTP (RFC 2033). Nothing is opened before it is needed. */
export function openNextHop(settings: NextHopSettings, options: NextHopOptions = {}): NextHop {
  return new SmtpNextHop(settings, options);
}

class SmtpNextHop implements NextHop {
  readonly #settings: NextHopSettings;
  readonly #limits: TimeLimits;
  readonly #maxMessages: number;
  readonly #signer: DkimSigner | undefined;
  #session: Session | undefined;
  #conversation: Conversation | undefined;
  #messages = 0;
  #needsReset = false;
  #usable = true;
  #sending: Promise<readonly SendResult[]> | undefined;
  #finalDotIsOut = false;
  readonly #stopping = new AbortController();

  constructor(settings: NextHopSettings, { timeLimits, maxMessagesPerConnection }: NextHopOptions) {
    this.#settings = settings;
    this.#limits = timeLimits ? { ...defaultTimeLimits, ...timeLimits } : defaultTimeLimits;
    this.#signer = settings.dkim && dkimSigner(settings.dkim);
    this.#maxMessages = maxMessagesPerConnection ?? defaultMaxMessagesPerConnection;
  }

  get usable(): boolean {
    return this.#usable;
  }

  async connect(): Promise<NotAttempted | undefined> {
    if (!this.#usable) return closed;
    if (this.#session && this.#conversation && !this.#conversation.broken) return undefined;
    const opened = await openSession(this.#settings, this.#limits, this.#stopping.signal);
    if (!opened.ok) {
      this.#usable = false;
      return notAttempted(opened.ending);
    }
    if (!this.#usable) {
      opened.session.socket.destroy();
      return closed;
    }
    this.#session = opened.session;
    this.#conversation = converse(opened.session.socket, this.#limits);
    this.#conversation.deadline.set(this.#limits.idleMs);
    this.#messages = 0;
    this.#needsReset = false;
    return undefined;
  }

  send(envelope: Envelope, content: Content, mayFinish: () => boolean): Promise<readonly SendResult[]> {
    if (this.#sending) throw new TypeError("a next hop carries one message at a time");
    this.#finalDotIsOut = false;
    this.#sending = this.#offer(envelope, content, () => {
      this.#finalDotIsOut = this.#usable && mayFinish();
      return this.#finalDotIsOut;
    }).finally(() => {
      this.#sending = undefined;
    });
    return this.#sending;
  }

  async #offer(envelope: Envelope, content: Content, mayFinish: () => boolean): Promise<readonly SendResult[]> {
    const { recipients } = envelope;
    const signing = this.#signer && (await this.#signer.sign(content));
    if (signing && !signing.ok) {
      const unsigned = judge(signing.ending);
      return recipients.map(() => unsigned);
    }
    const signed = signing?.content ?? content;

    // Twice at most: a connection that was found dead says nothing about the next hop, but a fresh one does.
    for (;;) {
      const before = this.#conversation;
      const trouble = await this.connect();
      if (trouble) return recipients.map(() => trouble);
      const conversation = this.#conversation!;
      const session = this.#session!;

      const commands = envelopeCommands(envelope, signed.sizeBytes, session);
      if (!commands.ok) {
        const refused = judge({ phase: "mail", cause: commands.cause });
        return recipients.map(() => refused);
      }
      const reusedConnection = conversation === before;
      const offered = await transact(
        conversation,
        { ...commands, content: signed, mayFinish, resetFirst: this.#needsReset, reusedConnection },
        {
          pipelining: session.extensions.has("PIPELINING"),
          lmtp: this.#settings.lmtp === true,
          limits: this.#limits,
        },
      );
      this.#messages++;
      this.#needsReset = offered.needsReset;
      if (offered.brokeBeforeMail && reusedConnection && this.#usable) continue;

      if (conversation.broken) this.#usable = false;
      else if (this.#messages >= this.#maxMessages) void conversation.quit();
      else conversation.deadline.set(this.#limits.idleMs);
      return offered.results;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#usable = false;
    this.#stopping.abort();
    // What may be with the next hop by now can only be known from its reply, which has a limit of its own.
    if (this.#sending && this.#finalDotIsOut) await this.#sending;
    const conversation = this.#conversation;
    if (this.#sending) conversation?.break({ kind: "closed", detail: "we are closing" });
    else await conversation?.quit();
    await this.#sending;
  }
}

/** What ends before MAIL was answered is an attempt for nobody. */
function notAttempted(ending: Ending): NotAttempted {
  const result = judge(ending);
  if (result.kind !== "not_attempted") throw new TypeError(`an ending at ${ending.phase} was judged ${result.kind}`);
  return result;
}

const closed: NotAttempted = {
  kind: "not_attempted",
  status: "4.4.2",
  reason: "the connection was closed before the message was offered",
  blocksAccount: false,
};
