/**
 * Whether a message may be answered, told from the message, the mailbox's settings, and what is known of both. Pure,
 * and in the order in which it is promised: filters, sender lists, already answered, too old, loop guard, recipient,
 * limits, authentication.
 */
import {
  type AnswerRecipient,
  authenticationOf,
  isSkipReason,
  judgeAutomatic,
  type MailboxSettings,
  matchesSender,
  type ParsedMessage,
  parseMailbox,
  type Sign,
  type SkipReason,
  type WrittenMailbox,
} from "@mailfleet/mail";
import type { LimitReached } from "@mailfleet/store";

/** What is known of a message when it is judged. */
export interface InboundFacts {
  readonly settings: MailboxSettings;
  readonly message: ParsedMessage;
  /** As its watcher saw them last. */
  readonly flags: readonly string[];
  readonly arrivedAt: Date;
  readonly now: Date;
  /** A person wants it answered: has approved the draft, or begun it anew. Its age does not matter then, nor who read it. */
  readonly isAskedFor: boolean;
  readonly recipient: AnswerRecipient;
  /** Of the correspondent, the mailbox and the thread. */
  readonly limitReached: LimitReached | undefined;
  readonly signers: readonly Sign[];
}

/** Why it is not answered. */
export interface Objection {
  readonly reason: SkipReason;
  readonly detail?: string;
}

type Rule = (facts: InboundFacts) => Objection | undefined;

/** The first objection; none where the message may be answered. */
export function judgeInbound(facts: InboundFacts): Objection | undefined {
  for (const rule of rules) {
    const objection = rule(facts);
    if (objection) return objection;
  }
  return undefined;
}

/** The mailbox's own addresses: its user's, the From of its answers, and those that its settings name. */
export function ownAddressesOf({ auth, answer, ownAddresses }: MailboxSettings): readonly string[] {
  const from = parseMailbox(answer?.from ?? "");
  return [auth.user, ...(from.ok ? [from.mailbox.address.address] : []), ...ownAddresses];
}

/** The server has searched by them already, as it understands them. */
const byFilters: Rule = ({ settings: { filters = {} }, message }) => {
  const written = (mailboxes: readonly WrittenMailbox[], field: string) =>
    [...mailboxes.map(({ name, address }) => `${name ?? ""} <${address}>`), ...rawValues(message, field)].join("\n");
  const texts = {
    from: written(message.from, "from"),
    to: written(message.to, "to"),
    subject: [message.subject, ...rawValues(message, "subject")].join("\n"),
  };
  for (const field of ["from", "to", "subject"] as const) {
    const wanted = filters[field];
    if (wanted !== undefined && !texts[field].toLowerCase().includes(wanted.toLowerCase())) {
      return { reason: "filtered", detail: `${field} does not match the mailbox's filter.` };
    }
  }
  return undefined;
};

const rawValues = ({ fields }: ParsedMessage, name: string): readonly string[] =>
  fields.filter((field) => field.name.toLowerCase() === name).map(({ value }) => value);

const bySenderLists: Rule = ({ settings: { allowedSenders = [], blockedSenders = [] }, message, recipient }) => {
  const authors = message.from.map(({ address }) => address);
  const others = recipient.ok ? [recipient.mailbox.address] : [];
  const blocked = [...authors, ...others].find((address) => matchesSender(blockedSenders, address));
  if (blocked !== undefined) return { reason: "sender_blocked", detail: `${blocked} is blocked.` };
  if (allowedSenders.length === 0) return undefined;
  const isAllowed =
    authors.length > 0 && [...authors, ...others].every((address) => matchesSender(allowedSenders, address));
  return isAllowed ? undefined : { reason: "sender_not_allowed" };
};

const byAlreadyAnswered: Rule = ({ settings, flags, isAskedFor, limitReached }) => {
  const carries = (flag: string) => flags.some((one) => one.toLowerCase() === flag);
  if (carries("\\answered")) return { reason: "already_answered", detail: "A person was faster." };
  if (limitReached === "already_answered") {
    return { reason: "already_answered", detail: "Another copy of the message was answered." };
  }
  if (settings.take !== "unseen" || isAskedFor || !carries("\\seen")) return undefined;
  const detail = carries("\\deleted") ? "A person has moved or deleted it." : "A person has opened it.";
  return { reason: "already_seen", detail };
};

/** A clock may be wrong; by more than this, and Date is not believed. */
const clockSkewMs = 86_400_000;

const byAge: Rule = ({ settings, message: { date }, arrivedAt, now, isAskedFor }) => {
  if (isAskedFor) return undefined;
  const writtenMs = date && date.getTime() <= now.getTime() + clockSkewMs ? date.getTime() : Number.NEGATIVE_INFINITY;
  const latestMs = Math.max(arrivedAt.getTime(), writtenMs);
  return now.getTime() - latestMs > settings.maxAgeMs ? { reason: "too_old" } : undefined;
};

/** Nobody answers a program; see `judgeAutomatic`. */
export const byLoopGuard: Rule = ({ settings, message, signers }) => {
  const judgement = judgeAutomatic(message, {
    ownAddresses: ownAddressesOf(settings),
    recordsReturnPath: settings.recordsReturnPath,
    signers,
  });
  if (judgement.kind === "person") return undefined;
  const { reason, detail } = judgement;
  return { reason, detail };
};

const byRecipient: Rule = ({ recipient }) => (recipient.ok ? undefined : recipient);

const byLimits: Rule = ({ limitReached }) =>
  limitReached !== undefined && isSkipReason(limitReached) ? { reason: limitReached } : undefined;

const byAuthentication: Rule = ({ settings, message }) => {
  if (!settings.answer?.requireAuthentication) return undefined;
  const { aligned, methods } = authenticationOf(message, settings.authservIds);
  if (aligned) return undefined;
  const found = methods.map(({ method, result }) => `${method}=${result}`).join(" ");
  return { reason: "not_authenticated", detail: found || "No result counts." };
};

const rules: readonly Rule[] = [
  byFilters,
  bySenderLists,
  byAlreadyAnswered,
  byAge,
  byLoopGuard,
  byRecipient,
  byLimits,
  byAuthentication,
];
