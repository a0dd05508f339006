import type { Log } from "./log.ts";
import type { Metrics } from "./metrics.ts";

/** The inbound message that something happened to. */
export interface InboundFacts {
  readonly inboundId: string;
  readonly tenantId: string;
  /** Absent where it could not be opened. */
  readonly mailboxId?: string;
}

export type AnswerEvents = ReturnType<typeof answerEvents>;

/** What can become of a message that came in. */
export function answerEvents(log: Log, metrics: Metrics) {
  const ids = ({ inboundId, tenantId, mailboxId }: InboundFacts) => ({ inboundId, tenantId, mailboxId });

  return {
    /** The answer is committed: in the outbox, or on its way to Drafts. */
    answered(
      facts: InboundFacts & {
        /** A code, such as "template"; it becomes a label. */ readonly answerer: string;
        /** The answer's Message-ID. */
        readonly messageId: string;
      },
    ): void {
      metrics.inbound("answered").value++;
      metrics.answers(facts.answerer).value++;
      const { answerer, messageId } = facts;
      log.info({ event: "answered", ...ids(facts), answerer, messageId }, "answered");
    },

    /** A draft waits for a person. */
    awaitingApproval(facts: InboundFacts): void {
      log.info({ event: "awaiting_approval", ...ids(facts) }, "awaiting approval");
    },

    /** It ended, and is not answered; `reason` is a code. */
    skipped(facts: InboundFacts & { readonly reason: string }): void {
      metrics.inbound("skipped").value++;
      log.info({ event: "skipped", ...ids(facts), reason: facts.reason }, "skipped");
    },

    /** A try came to nothing; without `retryInMs` it was the last, and the message has ended. */
    answerFailed(
      facts: InboundFacts & {
        /** A code. */ readonly reason: string;
        readonly detail: string;
        readonly retryInMs?: number;
      },
    ): void {
      const { reason, detail, retryInMs } = facts;
      metrics.answerErrors(reason).value++;
      const line = { event: "answer_failed", ...ids(facts), reason, detail, retryInMs };
      if (retryInMs === undefined) {
        metrics.inbound("failed").value++;
        log.warn(line, "answering failed for good");
      } else {
        log.info(line, "answering failed for now");
      }
    },

    /** A model was called. */
    modelUsed({ tokens }: { readonly tokens: number }): void {
      metrics.modelTokens.value += tokens;
    },
  };
}
