/**
 * Whether a message may be answered automatically: only where a person can be taken to have written it (RFC 3834, and
 * what the field has learned since). When in doubt it is a program's: an answer that is not given costs a person some
 * patience; one that is given to a program may never end.
 */
import { authorOf, ownAddressTest } from "../author.ts";
import { plainLine, valuesOf } from "../field-text.ts";
import { readLoopHeader } from "../loop-header.ts";
import type { ParsedMessage } from "../parsed-message.ts";
import type { Sign } from "../signed-name.ts";
import type { SkipReason } from "../skip-reasons.ts";
import { fieldRules } from "./automatic-fields.ts";
import { automaticSubject } from "./automatic-subject.ts";
import { reportContent } from "./report-content.ts";
import { isSystemAuthor, isSystemRelay } from "./system-sender.ts";

export interface GuardContext {
  /** The mailbox's addresses: its user, the From of its answers, and its `ownAddresses`. */
  readonly ownAddresses: readonly string[];
  /** The mailbox's server writes Return-Path, so that a missing one is a null reverse-path. */
  readonly recordsReturnPath: boolean;
  /** Of the fleet's loop headers, newest key first. */
  readonly signers: readonly Sign[];
}

export type Judgement = { readonly kind: "person" } | Automatic;

export interface Automatic {
  readonly kind: "automatic";
  readonly reason: SkipReason;
  /** What told so, for people: one line. */
  readonly detail: string;
}

export const guardLimits = {
  /** Hops (RFC 5321 section 6.3 has servers allow at least 100). */
  received: 100,
  /** How often one of our own addresses may stand in Delivered-To. Some servers write it twice for one delivery. */
  deliveredToOurselves: 2,
} as const;

/** Everything that can be told from the message itself, the surest first. Linear in its size; never throws. */
export function judgeAutomatic(message: ParsedMessage, context: GuardContext): Judgement {
  return (
    judgeLoop(message, context) ??
    judgeContent(message) ??
    judgeReversePath(message, context) ??
    judgeFields(message) ??
    judgeSenders(message) ??
    judgeSubject(message) ?? { kind: "person" }
  );
}

const automatic = (reason: SkipReason, detail: string): Automatic => ({
  kind: "automatic",
  reason,
  detail: plainLine(detail, 300),
});

function judgeLoop(message: ParsedMessage, { ownAddresses, signers }: GuardContext): Automatic | undefined {
  const { fields } = message;
  const mark = readLoopHeader(fields, signers);
  if (mark?.kind === "ours") {
    return automatic("loop", `It is answer ${mark.depth} of mailbox ${mark.mailbox} of fleet ${mark.fleet}.`);
  }
  if (mark) return automatic("loop", "It carries a loop header that is not signed by us.");

  const isOwn = ownAddressTest(ownAddresses);
  const self = authorsOf(message).find(isOwn);
  if (self !== undefined) return automatic("from_self", `From is ${self}.`);

  if (valuesOf(fields, "Received").length > guardLimits.received) {
    return automatic("loop", `It has made more than ${guardLimits.received} hops.`);
  }
  const isOurs = (value: string) => isOwn(addressIn(value));
  if (valuesOf(fields, "Delivered-To").filter(isOurs).length > guardLimits.deliveredToOurselves) {
    return automatic("loop", "It was delivered to this mailbox before.");
  }
  // procmailex(5): who forwards or answers writes its own address, to know the message again.
  return valuesOf(fields, "X-Loop").some(isOurs) ? automatic("loop", "X-Loop names this mailbox.") : undefined;
}

function judgeContent(message: ParsedMessage): Automatic | undefined {
  const report = reportContent(message);
  return report && automatic(report.reason, report.detail);
}

function judgeReversePath({ fields }: ParsedMessage, { recordsReturnPath }: GuardContext): Automatic | undefined {
  const values = valuesOf(fields, "Return-Path");
  if (values.some((value) => /^\s*<\s*>/.test(value))) return automatic("null_reverse_path", "Return-Path: <>");
  return values.length === 0 && recordsReturnPath
    ? automatic("null_reverse_path", "There is no Return-Path, and the mailbox's server records it.")
    : undefined;
}

function judgeFields({ fields }: ParsedMessage): Automatic | undefined {
  const named = new Map<string, { name: string; value: string }[]>();
  for (const field of fields) {
    const lower = field.name.toLowerCase();
    const same = named.get(lower);
    if (same) same.push(field);
    else named.set(lower, [field]);
  }
  const found = (name: string) =>
    name.endsWith("*")
      ? [...named].flatMap(([lower, same]) => (lower.startsWith(name.slice(0, -1)) ? same : []))
      : (named.get(name) ?? []);
  for (const { names, says, reason } of fieldRules) {
    const field = names.flatMap(found).find(({ value }) => says(value));
    if (field) return automatic(reason, `${field.name}: ${field.value.slice(0, 200)}`);
  }
  return undefined;
}

function judgeSenders(message: ParsedMessage): Automatic | undefined {
  const replyTo = [
    ...message.replyTo.map(({ address }) => address),
    ...valuesOf(message.fields, "Reply-To").map(addressIn),
  ];
  const author = [...authorsOf(message), ...replyTo].find(isSystemAuthor);
  if (author !== undefined) return automatic("system_sender", `The author is ${author}.`);
  for (const name of ["Sender", "Return-Path"]) {
    const relay = valuesOf(message.fields, name).map(addressIn).find(isSystemRelay);
    if (relay !== undefined) return automatic("system_sender", `${name}: ${relay}`);
  }
  return undefined;
}

/** A subject counts only where the message is a reply that does not say Re:, or lacks what every mail program writes. */
function judgeSubject(message: ParsedMessage): Automatic | undefined {
  const kind = automaticSubject(message.subject);
  if (kind === undefined) return undefined;
  const evidence =
    message.inReplyTo.length > 0 || message.references.length > 0
      ? "it is a reply"
      : message.messageId === undefined
        ? "it has no Message-ID"
        : valuesOf(message.fields, "X-MS-Exchange-Parent-Message-Id").length > 0
          ? "Exchange made it from another message"
          : undefined;
  if (evidence === undefined) return undefined;
  const reason = kind === "absence" ? "auto_response" : "delivery_report";
  return automatic(reason, `The subject is "${message.subject.slice(0, 100)}", and ${evidence}.`);
}

/** Every address that From may be read as. */
function authorsOf(message: ParsedMessage): readonly string[] {
  const author = authorOf(message);
  const read = author.kind === "one" ? [author.address.address] : [];
  return [...read, ...message.from.map(({ address }) => address), ...valuesOf(message.fields, "From").map(addressIn)];
}

/** The address in a field's value, not checked: of the last angle brackets, or the value itself. */
function addressIn(value: string): string {
  const text = value.slice(0, 1_024);
  const open = text.lastIndexOf("<");
  const inner = open < 0 ? text : text.slice(open + 1).split(">")[0]!;
  return inner.trim();
}
