/** When a DSN is wanted for a recipient (RFC 3461, section 4.1). */
export type Notify = "NEVER" | "SUCCESS" | "FAILURE" | "DELAY";

/** One recipient of an envelope (RFC 5321), with its DSN parameters (RFC 3461). */
export interface Recipient {
  /** Normalised by `parseAddress`: local part as given, domain in U-label, NFC and lower case. */
  readonly address: string;
  readonly notify?: readonly Notify[];
  /** ORCPT as "rfc822;address", xtext decoded. */
  readonly orcpt?: string;
}

/** What travels beside the content (RFC 5321, section 2.3.1). */
export interface Envelope {
  /** An empty string is the null reverse-path `<>`. */
  readonly reversePath: string;
  readonly recipients: readonly Recipient[];
  /** RFC 6531: an address or a header is not ASCII. */
  readonly smtpUtf8: boolean;
  /** RFC 6152: the content has bytes above 127. */
  readonly eightBit: boolean;
  /** RFC 3461 RET. */
  readonly ret?: "FULL" | "HDRS";
  /** RFC 3461 ENVID, xtext decoded. */
  readonly envid?: string;
}
