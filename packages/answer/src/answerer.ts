import type { ParsedMessage, WrittenMailbox } from "@mailfleet/mail";
import type { ModelBudget } from "./model/budget.ts";
import type { Transcript } from "./model/transcript.ts";

/** One inbound message, and what an answerer may know about it. The content is a stranger's: nobody vouches for it. */
export interface AnswerRequest {
  readonly tenantId: string;
  readonly mailboxId: string;
  readonly inboundId: string;
  readonly receivedAt: Date;
  /** Which try this is; the first is 1. */
  readonly attempt: number;
  /** How many there are: a model's fallback is sent on the last. There is no last one where it is absent. */
  readonly maxTries?: number;
  readonly message: ParsedMessage;
  /** What the person wrote: the text without quotes and signature. */
  readonly written: string;
  /** To whom the answer would go. No answerer can change it. */
  readonly correspondent: WrittenMailbox;
  /** Earlier messages of the thread from or to the same correspondent only, oldest first. */
  readonly thread: readonly ThreadTurn[];
  /** SPF, DKIM or DMARC passed, aligned with the author, says a server that the mailbox trusts. */
  readonly authenticated: boolean;
}

export interface ThreadTurn {
  readonly from: "correspondent" | "us";
  readonly at: Date;
  readonly text: string;
}

/** What is to happen with the message. Trouble that the field expects is a value, not an exception. */
export type AnswerDecision =
  | AnswerDraft
  | { readonly kind: "decline"; readonly reason: string; readonly transcript?: Transcript }
  /** Ask again after this time, within `answerLimits.laterMs`; counts as no failed try. */
  | { readonly kind: "later"; readonly afterMs: number; readonly reason?: string }
  /** A person is asked. */
  | { readonly kind: "escalate"; readonly note: string; readonly transcript?: Transcript }
  | AnswerFailure;

/** At least one of `text` and `html` is there; the subject is composed (`Re: …`) where it is absent. */
export interface AnswerDraft {
  readonly kind: "answer";
  readonly subject?: string;
  readonly text?: string;
  readonly html?: string;
  /** Who answered, for people who look at it later, such as the model's name. */
  readonly answeredBy?: string;
  /** A model's. */
  readonly transcript?: Transcript;
}

/** A try that failed. The caller tries again, unless it is permanent or the tries are used up. */
export interface AnswerFailure {
  readonly kind: "failed";
  readonly permanent: boolean;
  /** Stable, such as `webhook_timeout`. */
  readonly code: string;
  /** For people; without secrets, and at most `answerLimits.detailLength` long. */
  readonly detail: string;
  /** Not before then, where the other side said so. */
  readonly retryAfterMs?: number;
  /** A model's. */
  readonly transcript?: Transcript;
}

/**
 * Decides about one message at a time. Implementations hold no queue and retry nothing; the caller does. They may be
 * asked again about the same message (a crash, a failed try) and journal what must not happen twice.
 *
 * An abort of `signal` rejects with its reason: a try that was called off has no decision.
 */
export interface Answerer {
  answer(request: AnswerRequest, context: AnswerContext): Promise<AnswerDecision>;
}

export interface AnswerContext {
  readonly signal: AbortSignal;
  readonly journal: Journal;
  /** Where the settings cap a model's day, it must be there. */
  readonly budget?: ModelBudget;
}

/**
 * Remembers the steps of one message, so that a crash replays them: `act` runs only where the step has no recorded
 * result, and the key is the same each time it runs. A step that throws has no result. Results must survive JSON.
 */
export interface Journal {
  step<T>(facts: StepFacts, act: (idempotencyKey: string) => Promise<T>): Promise<T>;
}

export interface StepFacts {
  readonly kind: "model" | "tool" | "webhook";
  readonly name: string;
  readonly request: unknown;
}

/** What every answerer keeps to. Lengths are in UTF-16 units. */
export const answerLimits = {
  subjectLength: 500,
  textLength: 200_000,
  htmlLength: 500_000,
  /** Of a reason or a note. */
  noteLength: 2_000,
  detailLength: 500,
  laterMs: { min: 1_000, max: 7 * 24 * 60 * 60 * 1_000 },
} as const;
