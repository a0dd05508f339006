/** The machine-readable part of a DSN (RFC 3464; RFC 6533 where addresses are not ASCII). */
import type { Header } from "../message-header.ts";
import { addressesOf, lineOf, readGroups, untyped } from "./field-groups.ts";
import { permanence, quotedCodes } from "./permanence.ts";
import { type ReportedAction, type ReportedRecipient, reportLimits } from "./report.ts";

export interface DeliveryStatus {
  readonly envelopeId?: string;
  readonly reportingMta?: string;
  readonly arrivalDate?: Date;
  /** Google's, where it differs from what the returned message says. */
  readonly messageId?: string;
  readonly recipients: readonly ReportedRecipient[];
}

export function readDeliveryStatus(bytes: Uint8Array): DeliveryStatus {
  const groups = readGroups(bytes, reportLimits.recipients + 1);
  const [message] = groups;
  const envelopeId = message && lineOf(message, "Original-Envelope-Id");
  const reportingMta = message && lineOf(message, "Reporting-MTA");
  const messageId = message && lineOf(message, "X-Original-Message-ID");
  const arrivalDate = dateOf(message && lineOf(message, "Arrival-Date"));
  return {
    ...(envelopeId !== undefined && { envelopeId }),
    ...(reportingMta !== undefined && { reportingMta: untyped(reportingMta) }),
    ...(messageId !== undefined && { messageId }),
    ...(arrivalDate !== undefined && { arrivalDate }),
    recipients: groups.flatMap(readRecipient).slice(0, reportLimits.recipients),
  };
}

/** A failed, delayed or delivered recipient, with what the codes in its report make of it. */
export function reportedRecipient(
  recipient: Omit<ReportedRecipient, "permanence"> & { readonly action: ReportedAction },
): ReportedRecipient {
  if (recipient.action !== "failed") return recipient;
  return { ...recipient, permanence: permanence(recipient.status, recipient.diagnostic) };
}

/** None where the group is about the message alone. Some systems leave out what RFC 3464 demands. */
function readRecipient(group: Header): ReportedRecipient[] {
  const final = lineOf(group, "Final-Recipient");
  const original = lineOf(group, "Original-Recipient");
  const action = lineOf(group, "Action");
  if (final === undefined && original === undefined && action === undefined) return [];

  const stated = lineOf(group, "Status");
  const diagnostic = lineOf(group, "Diagnostic-Code");
  const remoteMta = lineOf(group, "Remote-MTA");
  const status =
    stated === undefined ? undefined : (quotedCodes(stated).status ?? quotedCodes(diagnostic ?? "").status);
  const addresses = new Set([...addressesOf(final ?? "", false), ...addressesOf(original ?? "", true)]);
  return [
    reportedRecipient({
      addresses: [...addresses],
      action: actionOf(action, status),
      ...(status !== undefined && { status }),
      ...(diagnostic !== undefined && { diagnostic: untyped(diagnostic) }),
      ...(remoteMta !== undefined && { remoteMta: untyped(remoteMta) }),
    }),
  ];
}

const actions: readonly ReportedAction[] = ["failed", "delayed", "delivered", "relayed", "expanded"];

/** `Action` may carry a comment; where it says nothing, the status does. */
function actionOf(action: string | undefined, status: string | undefined): ReportedAction {
  const word = /^[a-z]+/.exec(action?.toLowerCase() ?? "")?.[0];
  const known = actions.find((one) => one === word);
  if (known) return known;
  if (status?.startsWith("5")) return "failed";
  return status?.startsWith("2") ? "delivered" : "delayed";
}

function dateOf(text: string | undefined): Date | undefined {
  const ms = Date.parse((text ?? "").replace(/\(.*$/, "").slice(0, 100));
  return Number.isNaN(ms) ? undefined : new Date(ms);
}
