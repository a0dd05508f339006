import type { SmtpReply } from "./reply.ts";

/**
 * What was going on between us and the next hop when it ended, in the order of an SMTP session. From `mail` to
 * `data` it is the command whose reply was awaited; `content` is everything after 354 and before the final dot;
 * `final-dot` begins where the final dot may have gone out.
 */
export type Phase =
  | "dns"
  | "connect"
  | "tls"
  | "greeting"
  | "ehlo"
  | "auth"
  | "mail"
  | "rcpt"
  | "data"
  | "content"
  | "final-dot";

/** Why it ended there. `detail` is for people; nothing is decided by it. */
export type EndingCause =
  | { readonly kind: "reply"; readonly reply: SmtpReply }
  /** Something came that is not an SMTP reply. */
  | { readonly kind: "garbled"; readonly detail: string }
  | { readonly kind: "timeout" }
  /** The connection was closed or reset by the other side or by the network. */
  | { readonly kind: "closed"; readonly detail?: string }
  /** The host could not be reached at all: refused, no route, no such port. */
  | { readonly kind: "refused"; readonly detail: string }
  /** `not_found`: the name does not exist (NXDOMAIN) or has no address; `unavailable`: nobody could say (SERVFAIL). */
  | { readonly kind: "dns"; readonly failure: "not_found" | "unavailable"; readonly detail: string }
  | { readonly kind: "tls"; readonly detail: string }
  /** There is nothing to log in with: a token was refused, or credentials would travel in clear text. */
  | { readonly kind: "credentials"; readonly detail: string }
  /** The next hop does not offer what the account or the message needs. */
  | { readonly kind: "unsupported"; readonly feature: "starttls" | "auth" | "smtputf8" | "8bitmime" }
  /** The message exceeds what the next hop announced in SIZE (RFC 1870). */
  | { readonly kind: "too_large"; readonly sizeBytes: number; readonly limitBytes: number }
  /** We stopped before the final dot: the lease did not hold, or the process is stopping. */
  | { readonly kind: "withdrawn"; readonly why: "lease_lost" | "stopping" }
  /** Our own copy of the content could not be read to its end. */
  | { readonly kind: "unreadable"; readonly detail: string };

/** How the offer of one message to one recipient ended, before anything is made of it. */
export interface Ending {
  readonly phase: Phase;
  readonly cause: EndingCause;
  /** The connection had carried a message, or lain idle, before this MAIL. */
  readonly reusedConnection?: boolean;
  /** Another recipient of the same SMTP transaction was accepted before this one. */
  readonly othersAccepted?: boolean;
}
