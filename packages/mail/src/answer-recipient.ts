/** To whom an answer goes: to one person who can be taken to have written the message, and to nobody else. */
import { authorOf, ownAddressTest, soleMailbox, withItsName } from "./author.ts";
import { areAligned } from "./domain-alignment.ts";
import type { ParsedMessage, WrittenMailbox } from "./parsed-message.ts";
import { matchesSender } from "./sender-list.ts";
import type { SkipReason } from "./skip-reasons.ts";

export type AnswerRecipient =
  | { readonly ok: true; readonly mailbox: WrittenMailbox }
  | {
      readonly ok: false;
      readonly reason: Extract<SkipReason, "no_reply_address" | "from_self">;
      readonly detail: string;
    };

/**
 * Reply-To (RFC 5322 section 3.6.2) where it is one mailbox whose domain is From's, or one a subdomain of the other
 * (`areAligned`: never across what may be a public suffix); else From. A Reply-To elsewhere would let anybody have our
 * answers sent to anybody; so would one that is not among the senders, where only some are answered. To, Cc, Sender and
 * Return-Path are never looked at.
 *
 * Refused: no From or not exactly one mailbox in it, a group in either field (RFC 6854 made groups for those who want
 * no replies), and our own addresses.
 */
export function answerRecipient(
  message: ParsedMessage,
  {
    ownAddresses,
    allowedSenders = [],
  }: {
    readonly ownAddresses: readonly string[];
    /** Who is answered, as `matchesSender` reads them; everyone where it is empty. */
    readonly allowedSenders?: readonly string[];
  },
): AnswerRecipient {
  const author = authorOf(message);
  if (author.kind === "absent") return nobody("The message has no From.");
  if (author.kind === "unclear") return nobody(author.detail);
  const isOurs = ownAddressTest(ownAddresses);
  if (isOurs(author.address.address)) return ourselves("From");

  const replyTo = soleMailbox(message, "Reply-To");
  if (replyTo.kind === "unclear" && replyTo.isGroup) return nobody(replyTo.detail);
  const toAuthor = { ok: true, mailbox: withItsName(author.address, message.from) } as const;
  if (replyTo.kind !== "one" || !areAligned(replyTo.address.domain, author.address.domain)) return toAuthor;
  if (isOurs(replyTo.address.address)) return ourselves("Reply-To");
  if (allowedSenders.length > 0 && !matchesSender(allowedSenders, replyTo.address.address)) return toAuthor;
  return { ok: true, mailbox: withItsName(replyTo.address, message.replyTo) };
}

const nobody = (detail: string) => ({ ok: false, reason: "no_reply_address", detail }) as const;
const ourselves = (field: string) =>
  ({ ok: false, reason: "from_self", detail: `${field} is one of the mailbox's own addresses.` }) as const;
