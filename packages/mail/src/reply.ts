import type { EnhancedStatusCode } from "./status.ts";

/** One SMTP reply (RFC 5321, section 4.2), with its enhanced status code (RFC 2034) or the one that its code stands for. */
export interface SmtpReply {
  /** 200 to 599. */
  readonly code: number;
  readonly status: EnhancedStatusCode;
  /** The text without the codes; lines joined with a space; at most 1,000 characters. */
  readonly text: string;
}
