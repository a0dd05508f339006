import type { SmtpReply } from "./reply.ts";
import type { EnhancedStatusCode } from "./status.ts";

/** How one delivery attempt ended. Trouble the mail system expects is a value, not an exception. */
export type Outcome =
  | { readonly kind: "success"; readonly reply: SmtpReply }
  | {
      readonly kind: "transient_error";
      readonly status: EnhancedStatusCode;
      readonly reason: string;
      readonly replyCode?: number;
    }
  | {
      readonly kind: "permanent_error";
      readonly status: EnhancedStatusCode;
      readonly reason: string;
      readonly replyCode?: number;
    }
  /** The connection died after the final dot: the next hop may have the message (RFC 1047). */
  | { readonly kind: "in_doubt"; readonly status: EnhancedStatusCode; readonly reason: string };

/**
 * Nothing was attempted: trouble came before the next hop answered MAIL, or our own lease was lost.
 * The delivery goes back free of charge. `blocksAccount` says that the account's next hop is the trouble
 * (DNS, connect, TLS, authentication, 421 before MAIL), so that one probe serves all its mail.
 */
export interface NotAttempted {
  readonly kind: "not_attempted";
  readonly status: EnhancedStatusCode;
  readonly reason: string;
  readonly blocksAccount: boolean;
}

/** What came of offering a message to a next hop, for one recipient. */
export type SendResult = Outcome | NotAttempted;
