import type { Permanence } from "./permanence.ts";

/**
 * What a message reports about another one. Nobody vouches for any of it: only a signed name of ours in it, or a
 * Message-ID together with a recipient, tells whether it is about a delivery of ours.
 */
export type Report = DeliveryStatusReport | FeedbackReport | DispositionReport | AutomaticReply;

/** By what a report may be found to be about a delivery. */
export interface ReportTraces {
  /** Original-Envelope-Id (RFC 3464 section 2.2.1). */
  readonly envelopeId?: string;
  /** Addresses in it that look like a reverse-path of ours; their signatures are not checked yet. */
  readonly reversePaths: readonly string[];
  /** With angle brackets; the likeliest first. */
  readonly messageIds: readonly string[];
}

/** A DSN (RFC 3464, RFC 6533), or what products send in its place. */
export interface DeliveryStatusReport extends ReportTraces {
  readonly kind: "delivery_status";
  /** Which shape it has, such as `dsn`, `qmail` or `exim`. */
  readonly format: string;
  readonly reportingMta?: string;
  readonly arrivalDate?: Date;
  /** At most `reportLimits.recipients`; none where the report names nobody. */
  readonly recipients: readonly ReportedRecipient[];
}

export type ReportedAction = "failed" | "delayed" | "delivered" | "relayed" | "expanded";

export interface ReportedRecipient {
  /** Normalised: the final recipient, then the original one, in every spelling that may be meant; empty if redacted. */
  readonly addresses: readonly string[];
  readonly action: ReportedAction;
  /** As RFC 3463 writes it, such as `5.1.1`. */
  readonly status?: string;
  /** One line, at most 1,000 characters. */
  readonly diagnostic?: string;
  readonly remoteMta?: string;
  /** Present where the action is `failed`. */
  readonly permanence?: Permanence;
}

/** A feedback report (ARF, RFC 5965), or what products send in its place. */
export interface FeedbackReport extends ReportTraces {
  readonly kind: "feedback";
  readonly format: string;
  /** Lower case, such as `abuse` or `not-spam`. */
  readonly feedbackType: string;
  /** Whether somebody does not want this mail; other feedback says nothing of the kind. */
  readonly isComplaint: boolean;
  /** Normalised; empty where they are not given. Redacted ones (RFC 6590) look like addresses, and match none. */
  readonly addresses: readonly string[];
  readonly userAgent?: string;
}

/** An MDN (RFC 8098): what a recipient's program did with a message that has arrived, so never a bounce. */
export interface DispositionReport extends ReportTraces {
  readonly kind: "disposition";
  readonly format: "mdn";
  /** Such as `displayed` or `deleted`. */
  readonly disposition: string;
  readonly addresses: readonly string[];
}

/** An automatic reply such as a vacation notice (RFC 3834): it says that the message arrived, and nothing else. */
export interface AutomaticReply extends ReportTraces {
  readonly kind: "auto_reply";
  readonly format: "auto_reply";
}

export const reportLimits = { recipients: 100, reversePaths: 20, messageIds: 10 } as const;
