/** Feedback reports: ARF (RFC 5965, with the types of RFC 6430 and RFC 6591), and Outlook.com's JMRP, which is none. */
import { findField, type Header } from "../message-header.ts";
import { addressesOf, allOf, lineOf, readGroups } from "./field-groups.ts";
import { type FeedbackReport, reportLimits } from "./report.ts";

export type Feedback = Pick<FeedbackReport, "format" | "feedbackType" | "isComplaint" | "addresses" | "userAgent">;

/** The types by which somebody says: no more of this. `not-spam`, `auth-failure`, `virus` and `other` do not. */
const complaints: ReadonlySet<string> = new Set(["abuse", "fraud", "opt-out", "opt-out-list", "complaint"]);

/** Reads a `message/feedback-report` part; `returned` is the header of the message that it is about. */
export function readFeedback(bytes: Uint8Array, returned: Header | undefined): Feedback {
  const [fields] = readGroups(bytes, 1);
  const type = /^[a-z][a-z0-9-]{0,63}/.exec(((fields && lineOf(fields, "Feedback-Type")) ?? "").toLowerCase())?.[0];
  const feedbackType = type ?? "other";
  const named = fields ? [...allOf(fields, "Original-Rcpt-To"), ...allOf(fields, "Removal-Recipient")] : [];
  const told = named.slice(0, reportLimits.recipients).flatMap(({ value }) => addressesOf(value, false));
  const userAgent = fields && lineOf(fields, "User-Agent");
  return {
    format: "arf",
    feedbackType,
    isComplaint: complaints.has(feedbackType),
    addresses: told.length > 0 ? [...new Set(told)] : recipientOf(returned),
    ...(userAgent !== undefined && { userAgent }),
  };
}

/** Outlook.com's report: the message alone, from an address of its own, with the recipient in a field of its own. */
export function readJmrp(top: Header, returned: Header | undefined): Feedback | undefined {
  const recipient = returned && lineOf(returned, "X-HmXmrOriginalRecipient");
  if (recipient === undefined || !/\bstaff@hotmail\.com\b/i.test(findField(top, "From")?.value ?? "")) return undefined;
  return { format: "jmrp", feedbackType: "abuse", isComplaint: true, addresses: addressesOf(recipient, false) };
}

/** Whom the message was for, where it says so of one alone. */
function recipientOf(returned: Header | undefined): readonly string[] {
  const to = (returned && lineOf(returned, "To")) ?? "";
  return to.includes(",") ? [] : addressesOf(to, false);
}
