/**
 * Content as a client submitted it, made into what the outbox takes: completed as RFC 6409 section 8 lets a submission
 * server do (Date, Message-ID, a trace field), and without what must not leave the house (Bcc, Mailfleet-*).
 */

import { isUtf8 } from "node:buffer";
import { createHash } from "node:crypto";
import {
  countReceived,
  domainOf,
  type EnvelopeFlags,
  envelopeFlags,
  findField,
  formatDate,
  type Header,
  makeMessageId,
  missingFields,
  needsSmtpUtf8,
  newId,
  parseMailboxes,
  printable,
  type Recipient,
  readHeader,
  receivedField,
  rewriteHeader,
} from "@mailfleet/mail";
import type { Submission } from "@mailfleet/store";
import { type Refusal, type Sender, type Submitter, transactionLimits } from "./delivery-target.ts";
import { badContent, reply } from "./replies.ts";
import { mayUse } from "./sender-policy.ts";
import { isSubmissionField, readSubmissionFields } from "./submission-fields.ts";

export type MadeSubmission =
  | { readonly kind: "made"; readonly submission: Submission }
  | { readonly kind: "refused"; readonly reply: Refusal };

/** What `submissionOf` is given besides the content. */
export interface SubmissionContext {
  readonly sender: Sender;
  readonly submitter: Submitter;
  readonly recipients: readonly Recipient[];
  /** Addresses and `@domains` that From may name, each list for itself; any where there is none. */
  readonly senderLists: readonly (readonly string[])[];
  readonly now: Date;
}

export function submissionOf(content: Uint8Array, context: SubmissionContext): MadeSubmission {
  const { sender, submitter, recipients, now } = context;
  const header = readHeader(content);
  if (!header.ok) return refused(badContent(header.detail));
  if (countReceived(header) > transactionLimits.received) {
    return refused(reply(554, "5.4.6", "Too many hops: this message goes in circles"));
  }
  const flags = envelopeFlags(content, header.bodyOffset);
  if (flags.headerIsUtf8 && !isUtf8(content.subarray(0, header.bodyOffset))) {
    return refused(badContent("The header is not UTF-8"));
  }
  const own = readSubmissionFields(header, now);
  if (!own.ok) return refused(badContent(own.detail));
  const from = readFrom(header, context.senderLists);
  if ("code" in from) return refused(from);
  const messageId = readMessageId(header);
  if (typeof messageId === "object") return refused(messageId);

  const stamped = messageId ?? makeMessageId(domainOf(from.first), newId());
  const subject = findField(header, "Subject")?.value;
  return {
    kind: "made",
    submission: {
      tenantId: submitter.tenantId,
      origin: "tenant",
      digest: digestOf(content, header, context),
      ...(submitter.account !== undefined && { account: submitter.account }),
      envelope: envelopeOf(sender, recipients, flags),
      messageId: stamped,
      headerFrom: from.shown,
      ...(subject !== undefined && { subject: printable(subject) }),
      content: complete(content, header, context, stamped),
      via: "smtp",
      ...own.fields,
    },
  };
}

/** From must be there once and be readable, since whose name mail bears is what a sender policy is about. */
function readFrom(
  header: Header,
  allowed: readonly (readonly string[])[],
): Refusal | { readonly first: string; readonly shown: string } {
  const found = header.fields.filter(({ name }) => name.toLowerCase() === "from");
  const value = found[0]?.value;
  if (value === undefined) return badContent("From: missing");
  if (found.length > 1) return badContent("From: given twice");
  const parsed = parseMailboxes(value);
  if (!parsed.ok) return badContent(`From: ${parsed.detail}`);
  const first = parsed.mailboxes[0];
  if (!first) return badContent("From: names nobody");
  if (!parsed.mailboxes.every(({ address }) => mayUse(allowed, address.address))) {
    return reply(550, "5.7.1", "From: not an address that this tenant may send as");
  }
  return { first: first.address.address, shown: printable(value) };
}

const maxMessageIdLength = 900; // It must fit a line of 998 octets, with the field's name.

function readMessageId(header: Header): string | undefined | Refusal {
  const value = findField(header, "Message-ID")?.value;
  if (!value) return undefined;
  const isWhole = value.length <= maxMessageIdLength && /^<[^<>\s\p{Cc}]+>$/u.test(value);
  return isWhole ? value : badContent("Message-ID: not one id in angle brackets");
}

function envelopeOf(sender: Sender, recipients: readonly Recipient[], flags: EnvelopeFlags): Submission["envelope"] {
  return {
    reversePath: sender.reversePath,
    recipients,
    // What the client announced is not what the message needs: most that announce it send plain ASCII, and mail that
    // does not need it can go to next hops that do not know it.
    smtpUtf8:
      flags.headerIsUtf8 ||
      needsSmtpUtf8(sender.reversePath) ||
      recipients.some(({ address }) => needsSmtpUtf8(address)),
    eightBit: flags.eightBit,
    ...(sender.ret !== undefined && { ret: sender.ret }),
    ...(sender.envid !== undefined && { envid: sender.envid }),
  };
}

/**
 * What makes it the same message: sender, recipients and content as submitted. What differs from one try of a client
 * to the next is left out: its own trace fields, and what we add. The id is what the digest is compared under.
 */
function digestOf(content: Uint8Array, header: Header, { sender, submitter, recipients }: SubmissionContext): Buffer {
  const hash = createHash("sha256");
  const addresses = recipients.map(({ address }) => address).sort();
  hash.update(JSON.stringify(["smtp", submitter.account ?? "", sender.reversePath, addresses]));
  for (const { name, raw } of header.fields) {
    const lower = name.toLowerCase();
    if (lower !== "received" && lower !== "mailfleet-id") hash.update(raw);
  }
  hash.update("\r\n");
  hash.update(content.subarray(header.bodyOffset));
  return hash.digest();
}

const taken = new Set(["bcc", "resent-bcc", "return-path"]);

function complete(
  content: Uint8Array,
  header: Header,
  { sender, recipients, now }: SubmissionContext,
  messageId: string,
): Uint8Array {
  const { append, replaced } = missingFields(header, { messageId: () => messageId, date: () => formatDate(now) });
  const only = recipients.length === 1 ? recipients[0] : undefined;
  const received = receivedField({ ...sender.hop, date: now, ...(only && { forAddress: only.address }) });
  return rewriteHeader(content, header, {
    remove: (name) => taken.has(name) || replaced.has(name) || isSubmissionField(name),
    prepend: [received],
    append,
  });
}

const refused = (reply: Refusal): MadeSubmission => ({ kind: "refused", reply });
