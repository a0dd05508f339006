/**
 * Why an inbound message was not answered. The codes are stable: rows, events and metrics carry them, and people
 * search for them; a code may be added, but never change its meaning.
 */
const meanings = {
  // The mailbox's settings, and where the message stands in it.
  role_notify: "The mailbox's role is notify: messages are recorded and never answered.",
  filtered: "The message does not match the mailbox's filters.",
  sender_blocked: "The sender is in the mailbox's blockedSenders.",
  sender_not_allowed: "The mailbox has allowedSenders, and the sender is not among them.",
  already_seen:
    "A person had opened the message, or taken it away, before we answered it, and the mailbox takes unseen mail only.",
  already_answered: "The message carries \\Answered, or a reply to it lies in Sent.",
  too_old: "The message is older than the mailbox's maxAge.",
  before_start: "The message arrived before the moment from which the mailbox is answered.",
  too_large: "The message exceeds the size that is taken in.",
  unreadable: "The message could not be read within the parser's limits.",

  // The loop guard: what the message itself says.
  loop: "The message carries the loop header of a Mailfleet, ours or another's, or goes in circles.",
  from_self: "The message comes from one of the mailbox's own addresses.",
  null_reverse_path:
    "The reverse-path is null, or missing where the mailbox's server records it (RFC 3834, section 2).",
  auto_submitted: "Auto-Submitted says something other than no (RFC 3834, section 5).",
  precedence_bulk: "Precedence says bulk, list or junk.",
  list_mail: "The message came through a mailing list (RFC 2369, RFC 2919).",
  response_suppressed: "X-Auto-Response-Suppress asks for no automatic answer.",
  auto_response: "The message is itself an automatic response, by a header or a subject that such responses have.",
  bulk_sender: "The message carries the marks of a bulk sender, such as Feedback-ID.",
  delivery_report: "The message is a delivery status notification (RFC 3464), or in the shape of one.",
  disposition_notification: "The message is a disposition notification, such as a read receipt (RFC 8098).",
  feedback_report: "The message is a feedback report (RFC 5965).",
  calendar_reply: "The message is a calendar's answer to an invitation (RFC 5546, METHOD:REPLY).",
  system_sender: "The sender is a program, by its local part, such as mailer-daemon, no-reply or owner-list.",

  // Limits on answers.
  too_many_answers:
    "The correspondent has had as many answers in a day as the mailbox gives, or has asked three times as often.",
  thread_too_deep: "The thread holds as many answers of ours as the mailbox gives.",
  hourly_cap: "The mailbox has given as many answers in an hour as it may, or was asked three times as often.",
  too_many_drafts: "As many drafts of the mailbox wait for a person as may.",
  budget_exhausted: "The budget of tokens or cost for the message, the day or the tenant is used up.",

  // To whom, and who decided.
  no_reply_address: "The message has no single address that an answer may go to.",
  not_authenticated: "No authentication result that counts is aligned with From, and the mailbox requires one.",
  declined: "The answerer decided not to answer.",
  shadow: "The mailbox's answers are recorded only.",

  // Mailboxes of role bounces.
  bounce_recorded: "The report was recorded with the delivery that it is about.",
  bounce_unmatched: "The report names no delivery of the tenant's; it changed nothing.",
  not_a_report: "The mailbox's role is bounces, and the message is not a report.",
} as const satisfies Readonly<Record<string, string>>;

export type SkipReason = keyof typeof meanings;

/** What each code means, in one line; the documentation is made from it. */
export const skipMeanings: Readonly<Record<SkipReason, string>> = meanings;

export const skipReasons = Object.keys(meanings) as readonly SkipReason[];

export function isSkipReason(text: string): text is SkipReason {
  return Object.hasOwn(meanings, text);
}
