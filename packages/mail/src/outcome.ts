/**
 * The classification of every ending (RFC 5321, 3463, 2034, 4954, 1047): one pure function, whose test is a table.
 *
 * Only codes and phases decide; servers word their texts as they please.
 */
import type { AccountTrouble } from "./backoff.ts";
import type { Ending, EndingCause, Phase } from "./ending.ts";
import { printable, type SmtpReply } from "./reply.ts";
import { type EnhancedStatusCode, isPermanent } from "./status.ts";

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
 * Nothing was attempted: trouble came before the next hop answered MAIL, or our own lease was lost, or the next hop
 * wants this recipient in another transaction. The delivery goes back free of charge. `blocksAccount` says that the
 * account's next hop is the trouble (DNS, connect, TLS, authentication, 421 before MAIL), so that one probe serves all
 * its mail.
 */
export interface NotAttempted {
  readonly kind: "not_attempted";
  readonly status: EnhancedStatusCode;
  readonly reason: string;
  readonly blocksAccount: boolean;
  /** Where the account is blocked: what kind of trouble it is, which decides how long. */
  readonly trouble?: AccountTrouble;
}

/** What came of offering a message to a next hop, for one recipient. */
export type SendResult = Outcome | NotAttempted;

/** Says what an ending means for the delivery and for its account. */
export function judge(ending: Ending): SendResult {
  const { phase, cause } = ending;
  switch (cause.kind) {
    case "reply":
      return judgeReply(ending, cause.reply);
    case "withdrawn":
      // After the final dot nothing can be withdrawn, so whoever says so there has lost the reply.
      return phase === "final-dot"
        ? inDoubt("4.4.2", "withdrawn after the final dot")
        : free("4.3.2", reasonOf(phase, cause));
    case "unreadable":
      // Charged, or a message whose content is lost would be offered for ever.
      return transient("4.3.0", reasonOf(phase, cause));
    case "too_large":
      return { kind: "permanent_error", status: "5.3.4", reason: reasonOf(phase, cause) };
    case "unsupported":
      if (cause.feature === "smtputf8")
        return { kind: "permanent_error", status: "5.6.7", reason: reasonOf(phase, cause) };
      if (cause.feature === "8bitmime")
        return { kind: "permanent_error", status: "5.6.3", reason: reasonOf(phase, cause) };
      return blocked("4.7.4", reasonOf(phase, cause), cause.feature === "auth" ? "authentication" : "unreachable");
    case "credentials":
      return blocked("4.7.8", reasonOf(phase, cause), "authentication");
    default:
      return judgeBreak(ending, cause);
  }
}

/** No reply will come: the connection, or its making, broke. */
function judgeBreak({ phase, reusedConnection }: Ending, cause: Exclude<EndingCause, { kind: "reply" }>): SendResult {
  const status = breakStatus(cause);
  const reason = reasonOf(phase, cause);
  if (phase === "final-dot") return inDoubt(status, reason);
  // An idle connection that died says nothing about the next hop; a fresh one will tell.
  if (phase === "mail" && reusedConnection) return free(status, reason);
  return isBeforeAttempt(phase) ? blocked(status, reason, "unreachable") : transient(status, reason);
}

function judgeReply({ phase, reusedConnection, othersAccepted }: Ending, reply: SmtpReply): SendResult {
  const { code, status } = reply;
  const reason = reply.text || `the next hop answered ${code}`;

  if (phase !== "mail" && isBeforeAttempt(phase)) {
    return blocked(status, reason, phase === "auth" ? "authentication" : "unreachable", code);
  }
  if (phase === "final-dot" && code < 300) return { kind: "success", reply };
  if (code < 400) {
    // Neither yes nor no, where only these are answers. After the final dot it may even mean yes.
    return phase === "final-dot"
      ? inDoubt("4.5.0", `the next hop answered ${code} to the final dot`)
      : transient("4.5.0", `the next hop answered ${code} to ${phase.toUpperCase()}`, code);
  }
  // A server that closes idle connections says so in answer to whatever comes next.
  if (code === 421 && phase === "mail" && reusedConnection) return free(status, reason, code);
  // 530 speaks of the session, not of the message (RFC 4954, RFC 3207): every other mail would be refused as well.
  if (code === 530 && (phase === "mail" || phase === "rcpt")) return blocked(status, reason, "authentication", code);
  if (phase === "rcpt" && othersAccepted && isTooManyRecipients(reply)) return free(status, reason, code);

  // Both codes must say "never". Where they disagree we try again: a retry is cheap, mail is not.
  const kind = code >= 500 && isPermanent(status) ? "permanent_error" : "transient_error";
  return { kind, status, reason, replyCode: code };
}

/**
 * RFC 5321 section 4.5.3.1.10: 452, and 552 from older servers, in answer to RCPT mean "no more in this transaction".
 * With an enhanced code other than X.5.3 they mean a full mailbox or disk.
 */
function isTooManyRecipients({ code, status }: SmtpReply): boolean {
  if (status === "4.5.3" || status === "5.5.3") return true;
  return (code === 452 && status === "4.0.0") || (code === 552 && status === "5.0.0");
}

/** An attempt begins when the next hop has answered MAIL. */
function isBeforeAttempt(phase: Phase): boolean {
  return phase !== "rcpt" && phase !== "data" && phase !== "content" && phase !== "final-dot";
}

function breakStatus(cause: EndingCause): EnhancedStatusCode {
  switch (cause.kind) {
    case "dns":
      return cause.failure === "not_found" ? "4.4.4" : "4.4.3";
    case "refused":
      return "4.4.1";
    case "tls":
      return "4.7.5";
    case "garbled":
      return "4.5.0";
    default:
      return "4.4.2";
  }
}

const awaited: Readonly<Record<Phase, string>> = {
  dns: "looking up the next hop",
  connect: "connecting",
  tls: "starting TLS",
  greeting: "waiting for the greeting",
  ehlo: "waiting for the reply to EHLO",
  auth: "authenticating",
  mail: "waiting for the reply to MAIL",
  rcpt: "waiting for the reply to RCPT",
  data: "waiting for the reply to DATA",
  content: "sending the content",
  "final-dot": "waiting for the reply to the final dot",
};

function reasonOf(phase: Phase, cause: Exclude<EndingCause, { kind: "reply" }>): string {
  switch (cause.kind) {
    case "timeout":
      return `timed out while ${awaited[phase]}`;
    case "closed":
      return withDetail(`the connection was closed while ${awaited[phase]}`, cause.detail);
    case "refused":
      return withDetail("the next hop cannot be reached", cause.detail);
    case "dns":
      return withDetail(
        cause.failure === "not_found"
          ? "the next hop's name does not exist"
          : "the next hop's name could not be looked up",
        cause.detail,
      );
    case "tls":
      return withDetail(`TLS failed while ${awaited[phase]}`, cause.detail);
    case "garbled":
      return withDetail(`no SMTP reply while ${awaited[phase]}`, cause.detail);
    case "credentials":
      return withDetail("the account's credentials cannot be used", cause.detail);
    case "unsupported":
      return `the next hop does not offer ${cause.feature.toUpperCase()}`;
    case "too_large":
      return `the message has ${cause.sizeBytes} bytes, the next hop takes ${cause.limitBytes}`;
    case "withdrawn":
      return cause.why === "stopping" ? "the worker is stopping" : "the worker's lease did not hold";
    case "unreadable":
      return withDetail("the content could not be read", cause.detail);
  }
}

const withDetail = (text: string, detail: string | undefined) => printable(detail ? `${text}: ${detail}` : text);

const transient = (status: EnhancedStatusCode, reason: string, replyCode?: number): SendResult =>
  replyCode === undefined
    ? { kind: "transient_error", status, reason }
    : { kind: "transient_error", status, reason, replyCode };

const inDoubt = (status: EnhancedStatusCode, reason: string): SendResult => ({ kind: "in_doubt", status, reason });

const free = (status: EnhancedStatusCode, reason: string, replyCode?: number): SendResult => ({
  kind: "not_attempted",
  status,
  reason: withCode(reason, replyCode),
  blocksAccount: false,
});

const blocked = (
  status: EnhancedStatusCode,
  reason: string,
  trouble: AccountTrouble,
  replyCode?: number,
): SendResult => ({
  kind: "not_attempted",
  status,
  reason: withCode(reason, replyCode),
  blocksAccount: true,
  trouble,
});

// What is not an attempt has no row of its own to keep the code in, so its reason keeps it.
const withCode = (reason: string, code: number | undefined) => (code === undefined ? reason : `${code} ${reason}`);
