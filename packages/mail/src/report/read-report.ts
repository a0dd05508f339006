/** Bounces, complaints and what else mail systems and programs report about mail: read from a whole message. */
import { findField, type Header, hasField, readHeader } from "../message-header.ts";
import { decodedBody, decodedText } from "./decoded-body.ts";
import { readDeliveryStatus } from "./delivery-status.ts";
import { type Feedback, readFeedback, readJmrp } from "./feedback.ts";
import { addressesOf, lineOf, readGroups } from "./field-groups.ts";
import { leavesOf, type MimePart, readMime } from "./mime-part.ts";
import type { AutomaticReply, DeliveryStatusReport, DispositionReport, FeedbackReport, Report } from "./report.ts";
import { readTextBounce, type TextBounce } from "./text-bounce.ts";
import { tracesOf } from "./traces.ts";

interface Reading {
  readonly root: MimePart;
  readonly leaves: readonly MimePart[];
  /** The header of the message that the report returns. */
  readonly returned: Header | undefined;
}

/**
 * Reads a report; undefined where the message is none. Looks at the first `mimeLimits.bytes`, takes time in proportion
 * to them, and throws for nothing.
 */
export function readReport(bytes: Uint8Array): Report | undefined {
  const root = readMime(bytes);
  if (!root) return undefined;
  const leaves = leavesOf(root);
  const reading: Reading = { root, leaves, returned: returnedHeader(leaves) };
  return (
    feedbackReport(reading) ??
    dispositionReport(reading) ??
    deliveryStatusReport(reading) ??
    textReport(reading) ??
    unreadableBounce(reading) ??
    automaticReply(reading)
  );
}

const partOf = ({ leaves }: Reading, ...types: readonly string[]): MimePart | undefined =>
  leaves.find(({ type }) => types.includes(type));

function feedbackReport(reading: Reading): FeedbackReport | undefined {
  const part = partOf(reading, "message/feedback-report");
  if (!part) {
    const feedback = readJmrp(reading.root.header, reading.returned);
    return feedback && feedbackOf(reading, feedback, []);
  }
  const body = decodedBody(part);
  return feedbackOf(reading, readFeedback(body, reading.returned), [body.toString("latin1")]);
}

function feedbackOf({ root, returned }: Reading, feedback: Feedback, texts: readonly string[]): FeedbackReport {
  return { kind: "feedback", ...feedback, ...tracesOf({ top: root.header, returned, texts }) };
}

function dispositionReport(reading: Reading): DispositionReport | undefined {
  const part = partOf(reading, "message/disposition-notification", "message/global-disposition-notification");
  if (!part) return undefined;
  const [fields] = readGroups(decodedBody(part), 1);
  const told = fields && lineOf(fields, "Disposition");
  return {
    kind: "disposition",
    format: "mdn",
    disposition: /; *([a-z]+)/i.exec(told ?? "")?.[1]?.toLowerCase() ?? "unknown",
    addresses: addressesOf((fields && lineOf(fields, "Final-Recipient")) ?? "", false),
    ...tracesOf({
      top: reading.root.header,
      returned: reading.returned,
      messageId: fields && lineOf(fields, "Original-Message-ID"),
      texts: [],
    }),
  };
}

/** A part that says it for machines counts in a report, and elsewhere only from who sends reports: people forward them. */
function deliveryStatusReport(reading: Reading): DeliveryStatusReport | undefined {
  const { root, returned } = reading;
  const part = partOf(reading, "message/delivery-status", "message/global-delivery-status");
  if (!part || (root.type !== "multipart/report" && !isFromSystem(root.header))) return undefined;
  const body = decodedBody(part);
  const status = readDeliveryStatus(body);
  const text = textOf(reading);
  const fromText = status.recipients.length === 0 ? readTextBounce(text, root.header) : undefined;
  return {
    kind: "delivery_status",
    format: "dsn",
    ...(status.reportingMta !== undefined && { reportingMta: status.reportingMta }),
    ...(status.arrivalDate !== undefined && { arrivalDate: status.arrivalDate }),
    recipients: fromText?.recipients ?? status.recipients,
    ...tracesOf({
      top: root.header,
      returned: returned ?? fromText?.returned,
      envelopeId: status.envelopeId,
      messageId: status.messageId,
      texts: [body.toString("latin1"), text],
    }),
  };
}

function textReport(reading: Reading): DeliveryStatusReport | undefined {
  const { root, returned } = reading;
  if (!isFromSystem(root.header)) return undefined;
  const text = textOf(reading);
  const bounce: TextBounce | undefined = readTextBounce(text, root.header);
  if (!bounce) return undefined;
  return {
    kind: "delivery_status",
    format: bounce.format,
    recipients: bounce.recipients,
    ...tracesOf({ top: root.header, returned: returned ?? bounce.returned, texts: [text] }),
  };
}

/** A mail system's word in a shape or a language that nobody here knows: it is no answer, and says nothing for certain. */
function unreadableBounce({ root, returned }: Reading): DeliveryStatusReport | undefined {
  const isReport = root.type === "multipart/report" || hasNullReversePath(root.header) || isAutomatic(root.header);
  if (!isReport || !daemons.test(findField(root.header, "From")?.value ?? "")) return undefined;
  const traces = tracesOf({ top: root.header, returned, texts: [] });
  return { kind: "delivery_status", format: "unknown", recipients: [], ...traces };
}

function automaticReply({ root, returned }: Reading): AutomaticReply | undefined {
  const says =
    isAutomatic(root.header) ||
    autoReplyFields.some((name) => hasField(root.header, name)) ||
    /^auto[-_]?reply$/i.test(findField(root.header, "Precedence")?.value ?? "");
  if (!says) return undefined;
  return { kind: "auto_reply", format: "auto_reply", ...tracesOf({ top: root.header, returned, texts: [] }) };
}

const autoReplyFields = ["X-Autoreply", "X-Autorespond", "X-Autoresponder", "X-Mail-Autoreply"];

/** RFC 3834 section 5: any value but `no`, whatever parameters and comments follow. */
function isAutomatic(top: Header): boolean {
  const word = /^[a-z-]+/.exec(findField(top, "Auto-Submitted")?.value.toLowerCase() ?? "")?.[0];
  return word !== undefined && word !== "no";
}

const hasNullReversePath = (top: Header): boolean => findField(top, "Return-Path")?.value.replace(/\s/g, "") === "<>";

const daemons =
  /(?:^|[\s<"'])(?:mailer-daemon|mail-?daemon|postmaster|microsoftexchange[0-9a-f]{0,40})(?:$|[@\s>"'(])/i;

/** Whether a mail system writes, and no person: the null reverse-path, its usual names, or a field that only it writes. */
function isFromSystem(top: Header): boolean {
  return (
    hasNullReversePath(top) ||
    daemons.test(findField(top, "From")?.value ?? "") ||
    hasField(top, "X-Failed-Recipients") ||
    isAutomatic(top)
  );
}

/** What the report says to people; its HTML where it says nothing else. */
function textOf(reading: Reading): string {
  const part = partOf(reading, "text/plain") ?? partOf(reading, "text/html");
  return part ? decodedText(part) : "";
}

const returnedTypes = new Set([
  "message/rfc822",
  "text/rfc822-headers",
  "message/rfc822-headers",
  "message/global",
  "message/global-headers",
]);

function returnedHeader(leaves: readonly MimePart[]): Header | undefined {
  const part = leaves.findLast(({ type }) => returnedTypes.has(type));
  const header = part && readHeader(withoutEmptyLines(decodedBody(part)));
  return header?.ok ? header : undefined;
}

/** Some systems put an empty line before the message that they return. */
function withoutEmptyLines(bytes: Buffer): Buffer {
  let at = 0;
  while (bytes[at] === 10 || bytes[at] === 13) at++;
  return bytes.subarray(at);
}
