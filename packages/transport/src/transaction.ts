/**
 * One message over an open session: MAIL, RCPT, DATA, content, final dot (RFC 5321 section 3.3; LMTP: RFC 2033).
 *
 * With PIPELINING (RFC 2920) the envelope is one write; the content is always the next, asked for by 354. So it is
 * known at every moment how far the next hop got, and the final dot goes out in one place, after `mayFinish`.
 */
import { type Ending, type EndingCause, judge, parseReply, type SendResult } from "@mailfleet/mail";
import type { Conversation, Speaker } from "./conversation.ts";
import { dotStuffing, stuffWhole } from "./dot-stuffing.ts";
import type { Content } from "./next-hop.ts";
import type { TimeLimits } from "./time-limits.ts";

export interface Offer {
  readonly mail: string;
  readonly rcpt: readonly string[];
  readonly content: Content;
  readonly mayFinish: () => boolean;
  /** An earlier transaction was left open on this connection. */
  readonly resetFirst: boolean;
  /** The connection has carried a message, or lain idle. */
  readonly reusedConnection: boolean;
}

export interface Offered {
  /** One for each RCPT, in order. */
  readonly results: readonly SendResult[];
  /** The next hop broke off before it answered MAIL. */
  readonly brokeBeforeMail: boolean;
  /** The transaction may still be open: RSET must come first. */
  readonly needsReset: boolean;
}

export interface Manner {
  readonly pipelining: boolean;
  readonly lmtp: boolean;
  readonly limits: TimeLimits;
}

type Stage = "reset" | "mail" | "rcpt" | "data" | "content" | "final-dot" | "empty-dot";

export function transact(conversation: Conversation, offer: Offer, manner: Manner): Promise<Offered> {
  const { mail, rcpt, content, mayFinish, reusedConnection } = offer;
  const { pipelining, lmtp, limits } = manner;
  const { promise, resolve } = Promise.withResolvers<Offered>();
  const results = new Array<SendResult | undefined>(rcpt.length).fill(undefined);
  const envelopeEnds = performance.now() + limits.envelopeMs;
  let stage: Stage = offer.resetFirst ? "reset" : "mail";
  let mailRefused = false;
  let answered = 0;
  let accepted = 0;
  let ended = false;

  /** `needsReset` where an envelope was begun and nothing has ended it. */
  const end = (needsReset: boolean, brokeBeforeMail = false) => {
    ended = true;
    conversation.speaker = undefined;
    conversation.deadline.clear();
    resolve({ results: results as SendResult[], brokeBeforeMail, needsReset });
  };

  /** The ending of every recipient that has none yet. */
  const settle = (phase: Ending["phase"], cause: EndingCause) => {
    for (let at = 0; at < results.length; at++) {
      results[at] ??= judge({ phase, cause, reusedConnection, othersAccepted: accepted > 0 });
    }
  };

  const replied = (code: number, text: string): EndingCause => {
    const reply = parseReply(text);
    return reply ? { kind: "reply", reply } : { kind: "garbled", detail: `${code}` };
  };

  /** 421 announces that the next hop hangs up (RFC 5321 section 3.8); what it said counts for all that was open. */
  const hangUp = (phase: Ending["phase"], code: number, text: string) => {
    const beforeMail = stage === "mail" || stage === "reset";
    settle(phase, replied(code, text));
    conversation.speaker = undefined;
    conversation.break({ kind: "closed" });
    end(false, beforeMail);
  };

  const awaitReply = () => {
    conversation.deadline.set(Math.max(0, Math.min(limits.commandMs, envelopeEnds - performance.now())));
  };

  const onMail = (code: number, text: string) => {
    if (code >= 300) {
      mailRefused = true;
      settle("mail", replied(code, text));
      if (!pipelining) return end(false);
    }
    stage = "rcpt";
    if (!pipelining) conversation.say(`${rcpt[0]}\r\n`);
    awaitReply();
  };

  const onRcpt = (code: number, text: string) => {
    const at = answered++;
    if (results[at] === undefined) {
      if (code < 300) accepted++;
      else results[at] = judge({ phase: "rcpt", cause: replied(code, text), othersAccepted: accepted > 0 });
    }
    if (answered < rcpt.length) {
      if (!pipelining) conversation.say(`${rcpt[answered]}\r\n`);
    } else {
      stage = "data";
      if (!pipelining) {
        if (accepted === 0) return end(true);
        conversation.say("DATA\r\n");
      }
    }
    awaitReply();
  };

  const onData = (code: number, text: string) => {
    if (accepted > 0) {
      if (code >= 300 && code < 400) return sendContent();
      // A 2yz does not ask for content; to send it all the same would be to send commands of somebody else's making.
      if (code < 300) return hangUp("data", code, text);
      settle("data", replied(code, text));
      return end(true);
    }
    if (code >= 400) return end(!mailRefused);
    if (mailRefused) return conversation.break({ kind: "garbled", detail: "DATA was taken after MAIL was refused" });
    // It took DATA although nobody is to get it (RFC 2920 section 3.1): an empty message for nobody ends it.
    stage = "empty-dot";
    conversation.say(".\r\n");
    awaitReply();
  };

  const finalDotGoesOut = (): boolean => {
    if (!mayFinish()) {
      settle("content", { kind: "withdrawn", why: "lease_lost" });
      conversation.speaker = undefined;
      conversation.break({ kind: "closed" });
      end(false);
      return false;
    }
    stage = "final-dot";
    conversation.deadline.set(limits.finalDotMs);
    return true;
  };

  const sendContent = () => {
    stage = "content";
    if (!("bytes" in content)) return void sendPieces(content.open());
    const parts = stuffWhole(content.bytes);
    if (!finalDotGoesOut()) return;
    if (parts.length === 1) conversation.say(parts[0]!);
    else conversation.sayAll(parts);
  };

  /** The last piece is held back, so that content that may not be finished is never whole. */
  const sendPieces = async (pieces: AsyncIterable<Uint8Array>) => {
    const stuffing = dotStuffing();
    const contentEnds = performance.now() + limits.contentMs;
    const awaitRoom = () =>
      conversation.deadline.set(Math.max(0, Math.min(limits.contentStallMs, contentEnds - performance.now())));
    let held: Uint8Array | undefined;
    try {
      awaitRoom();
      for await (const piece of pieces) {
        if (ended) return;
        if (held && !conversation.say(stuffing.piece(held))) await conversation.drained();
        if (ended) return;
        awaitRoom();
        held = piece;
      }
    } catch (error) {
      if (ended) return;
      settle("content", { kind: "unreadable", detail: error instanceof Error ? error.message : String(error) });
      conversation.speaker = undefined;
      conversation.break({ kind: "closed" });
      return end(false);
    }
    if (ended || !finalDotGoesOut()) return;
    const last = held ? stuffing.piece(held) : undefined;
    conversation.sayAll(last ? [last, stuffing.end()] : [stuffing.end()]);
  };

  const onFinalReply = (code: number, text: string) => {
    const cause = replied(code, text);
    if (!lmtp) {
      settle("final-dot", cause);
      return code === 421 ? hangUp("final-dot", code, text) : end(false);
    }
    // LMTP answers for each accepted recipient by itself, in order.
    results[results.indexOf(undefined)] = judge({ phase: "final-dot", cause });
    if (--accepted === 0) return end(false);
    conversation.deadline.set(limits.finalDotMs);
  };

  const speaker: Speaker = {
    onReply(code, text) {
      if (code === 421 && stage !== "final-dot" && stage !== "empty-dot") {
        return hangUp(stage === "reset" ? "mail" : stage, code, text);
      }
      switch (stage) {
        case "reset":
          if (code >= 300) return conversation.break({ kind: "closed", detail: text });
          stage = "mail";
          return awaitReply();
        case "mail":
          return onMail(code, text);
        case "rcpt":
          return onRcpt(code, text);
        case "data":
          return onData(code, text);
        case "content":
          // It has made up its mind without the end of the content; a reply now can only be a refusal.
          return hangUp("content", code, text);
        case "final-dot":
          return onFinalReply(code, text);
        case "empty-dot":
          return end(false);
      }
    },
    onBroken(cause) {
      const beforeMail = stage === "mail" || stage === "reset";
      const phase = stage === "reset" ? "mail" : stage === "empty-dot" ? "data" : stage;
      settle(phase, cause);
      end(false, beforeMail);
    },
  };

  conversation.speaker = speaker;
  let commands = offer.resetFirst ? `RSET\r\n${mail}\r\n` : `${mail}\r\n`;
  if (pipelining) {
    for (const command of rcpt) commands += `${command}\r\n`;
    commands += "DATA\r\n";
  }
  awaitReply();
  conversation.say(commands);
  return promise;
}
