/** What keeps us from a mailbox, or takes us from it. Codes decide, never texts. */
export interface Trouble {
  readonly kind: TroubleKind;
  /** Stable: an IMAP response code (RFC 5530), Node's code of a socket's trouble, or one of ours. */
  readonly code: string;
  /** For people: the server's own words where it said any. */
  readonly detail: string;
}

export type TroubleKind =
  /** The server knows these credentials and does not want them: nothing helps but other ones. */
  | "authentication"
  /** The server offers no way of logging in that we may use. */
  | "unsupported"
  /** Asked to go away for a while: too many connections, too many logins. */
  | "throttled"
  /** No address, no connection, no answer in time, or an end in the middle. */
  | "unreachable"
  /** No TLS, or none that can be trusted. */
  | "tls"
  | "folder_missing"
  /** What the server says is not IMAP, or more of it than we take. */
  | "protocol";

/** Thrown where a connection ends while it is used; `openMailbox` resolves with its trouble instead. */
export class MailboxTroubleError extends Error {
  readonly trouble: Trouble;

  constructor(trouble: Trouble, cause?: unknown) {
    super(`${trouble.kind} (${trouble.code}): ${trouble.detail}`, { cause });
    this.name = "MailboxTroubleError";
    this.trouble = trouble;
  }
}

/** What imapflow and Node put on their errors, as far as it decides anything. */
interface Told {
  readonly message?: unknown;
  readonly code?: unknown;
  readonly authenticationFailed?: unknown;
  readonly tlsFailed?: unknown;
  readonly serverResponseCode?: unknown;
  readonly responseStatus?: unknown;
  readonly responseText?: unknown;
  readonly reason?: unknown;
}

/** Response codes of RFC 5530 and of large providers that say nothing about the credentials. */
const passing: ReadonlySet<string> = new Set(["UNAVAILABLE", "SERVERBUG"]);
const throttling: ReadonlySet<string> = new Set(["INUSE", "LIMIT", "THROTTLED", "OVERQUOTA"]);

const tooMuch: ReadonlySet<string> = new Set([
  "LineTooLarge",
  "LiteralTooLarge",
  "ResponseTooLarge",
  "UnexpectedTag",
  "InvalidResponse",
  "ResponseProcessingFailed",
  "ParserErrorExchange",
  "MAX_IMAP_NESTING_REACHED",
]);

/** Node's and OpenSSL's names for a certificate or a handshake that is not to be trusted. */
const tlsCodes =
  /^(ERR_TLS_|ERR_SSL_|CERT_|EPROTO$|UNABLE_TO_|SELF_SIGNED_CERT|DEPTH_ZERO_|STARTTLS_INJECTION$|UPGRADE_TIMEOUT$|ERR_INVALID_CERT)/;

const detailLength = 500;

/** Reads what went wrong while connecting and logging in, or later; `loggedIn` says which. Pure. */
export function troubleOf(error: unknown, { loggedIn }: { readonly loggedIn: boolean }): Trouble {
  const told: Told = typeof error === "object" && error !== null ? error : { message: String(error) };
  const code = typeof told.code === "string" ? told.code : undefined;
  const responseCode = typeof told.serverResponseCode === "string" ? told.serverResponseCode.toUpperCase() : undefined;
  const words = [told.responseText, told.reason, told.message].find((text) => typeof text === "string" && text !== "");
  const detail = printable(String(words ?? "no reason given"));

  if (told.tlsFailed === true || tlsCodes.test(code ?? "")) return { kind: "tls", code: code ?? "NO_STARTTLS", detail };
  if (code === "ETHROTTLE" || throttling.has(responseCode ?? "")) {
    return { kind: "throttled", code: responseCode ?? "THROTTLED", detail };
  }
  // Only a NO or BAD to the login itself judges the credentials. imapflow says `authenticationFailed` also where the
  // connection ended while it logged in.
  if (told.responseStatus === "NO" || told.responseStatus === "BAD") {
    if (responseCode !== undefined && passing.has(responseCode)) {
      return { kind: "unreachable", code: responseCode, detail };
    }
    if (told.authenticationFailed === true) {
      return { kind: "authentication", code: responseCode ?? "NO_CODE", detail };
    }
    return { kind: "protocol", code: responseCode ?? String(told.responseStatus), detail };
  }
  if (code !== undefined && (tooMuch.has(code) || code.startsWith("ParserError"))) {
    return { kind: "protocol", code, detail };
  }
  // A server that says BYE instead of letting us in (RFC 9051 section 7.1.5) may be full, or about to start anew.
  if (!loggedIn && typeof told.reason === "string" && told.reason !== "")
    return { kind: "unreachable", code: "BYE", detail };
  // imapflow's own refusals to go on have neither a code nor an answer of the server's: no mechanism that we may use.
  if (code === undefined && !loggedIn) return { kind: "unsupported", code: "NO_MECHANISM", detail };
  return { kind: "unreachable", code: code ?? "CLOSED", detail };
}

/** A server's words go to logs and pages: bounded, and without what moves a cursor. */
export const printable = (text: string): string =>
  text
    .replace(/\p{Cc}+/gu, " ")
    .trim()
    .slice(0, detailLength);
