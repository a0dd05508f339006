import type { Envelope } from "@mailfleet/mail";

/** Whose key space a submission's id lives in. Only `tenant` is within tenants' reach. */
export type Origin = "tenant" | "answer" | "dsn";

/** A validated message on its way into the outbox: the one shape that all doors hand over. */
export interface Submission {
  readonly tenantId: string;
  readonly origin: Origin;
  /** The submitter's id, `[A-Za-z0-9._~-]{1,128}`; without one the message's uid serves, and nothing is deduplicated. */
  readonly id?: string;
  /** SHA-256 over what makes it the same message; compared where the id was seen before. 32 bytes. */
  readonly digest: Uint8Array;
  /** The account's id; without one, the tenant's default account. */
  readonly account?: string;
  readonly envelope: Envelope;
  /** The header fields that lists show. `messageId` has its angle brackets. */
  readonly messageId: string;
  readonly headerFrom?: string;
  readonly subject?: string;
  /** The MIME bytes, CRLF line ends, as they will be sent (before signing). */
  readonly content: Uint8Array;
  readonly priority: "immediate" | "high" | "medium" | "low";
  readonly inDoubt: "retry" | "hold";
  readonly via: "http" | "smtp" | "cli" | "internal";
  readonly sendAt?: Date;
  readonly expiresAt?: Date;
  readonly batch?: string;
  readonly tags?: readonly string[];
  readonly metadata?: Readonly<Record<string, unknown>>;
}

/** What came of a submission. Refusals are values with a stable code. */
export type Acceptance =
  | {
      readonly kind: "accepted";
      /** Accepted before under this id: nothing new was stored. */
      readonly duplicate: boolean;
      readonly uid: string;
      readonly id: string;
      readonly messageId: string;
      readonly accountUid: number;
      readonly deliveries: readonly { readonly uid: string; readonly recipient: string }[];
    }
  | {
      readonly kind: "refused";
      readonly code:
        | "id_conflict" // The id was used for another message (409).
        | "account_not_found" // (422)
        | "no_account" // None was named, and the tenant has no default (422).
        | "tenant_suspended" // (403)
        | "rate_limited" // The account's limit is used up and it rejects rather than defers (429).
        | "busy"; // A lock could not be had in time; try again (503).
      readonly detail: string;
      readonly retryAfterSeconds?: number;
    };

/** Accepts submissions of all callers in shared statements and commits. */
export interface Acceptor extends AsyncDisposable {
  /**
   * Resolves after the commit that holds the submission. Rejects (OverloadedError) where more waits than the named
   * limits allow, and with the driver's error where the database is away: then nothing was stored.
   */
  accept(submission: Submission): Promise<Acceptance>;
}

/** Too much waits for the database: say 503 or 451 and a time. */
export class OverloadedError extends Error {
  readonly code = "overloaded";
  readonly retryAfterSeconds = 2;
}
