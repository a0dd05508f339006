import {
  type AnswerInput,
  type AnswerSettings,
  addressKey,
  answerMessageId,
  type ComposedMessage,
  composeAnswer,
  type ParsedMessage,
  replySubject,
  type Sign,
  threadOf,
  type WrittenMailbox,
} from "@mailfleet/mail";
import type { ApprovedDraft, Draft } from "@mailfleet/store";
import type { Failed } from "./verdict.ts";

/** An answer as it would leave: its bytes, and what is kept about them. */
export interface Letter {
  readonly message: ComposedMessage;
  readonly messageId: string;
  /** The comparison key of its one recipient. */
  readonly correspondent: string;
  readonly draft: Draft;
  readonly inReplyTo?: string;
  readonly references: readonly string[];
}

/** What an answerer, or a person, wants to say. */
export type Wording = Pick<AnswerInput, "subject" | "text" | "html">;

export interface LetterContext {
  readonly inboundUid: string;
  readonly mailboxId: string;
  readonly message: ParsedMessage;
  readonly settings: AnswerSettings;
  readonly to: WrittenMailbox;
  readonly date: Date;
  readonly sign: Sign;
}

/** Composes it, or says why that cannot be done: then another try would end the same. */
export async function composeLetter(wording: Wording, context: LetterContext): Promise<Letter | Failed> {
  const { inboundUid, mailboxId, message, settings, to, date, sign } = context;
  const { from, quoteOriginal } = settings;
  const thread = threadOf(message);
  const loop = { fleet: fleetName(sign), mailbox: mailboxId, depth: depthOf(thread.references) };
  const composed = await composeAnswer({ ...wording, inboundUid, message, from, to, quoteOriginal, date, loop, sign });
  if (!composed.ok) return unusable(`${composed.field}: ${composed.detail}`);
  return {
    message: composed,
    messageId: answerMessageId(inboundUid, from) as string,
    correspondent: addressKey(to.address),
    draft: {
      from,
      to: to.address,
      subject: wording.subject || replySubject(message.subject),
      ...(wording.text !== undefined && { text: wording.text }),
      ...(wording.html !== undefined && { html: wording.html }),
    },
    ...thread,
  };
}

/**
 * What was approved: the person's words, else the draft's. Who changes one body has not seen the other, so an edited text
 * leaves without the draft's HTML.
 */
export function approvedWording({ subject, text, html }: ApprovedDraft, draft: Draft | null): Wording | undefined {
  const isEdited = text !== undefined || html !== undefined;
  if (!isEdited && !draft) return undefined;
  const bodies = isEdited ? { text, html } : { text: draft?.text, html: draft?.html };
  return { subject: subject?.trim() ? subject : draft?.subject, ...bodies };
}

/** The fleet, as the correspondent sees it: the same for all who share its keys. */
export const fleetName = (sign: Sign): string => Buffer.from(sign("mailfleet-fleet")).toString("hex").slice(0, 16);

const ours = /^<answer-[0-9a-f-]{36}@/i;

/** Which answer of ours in its thread this one is. */
const depthOf = (references: readonly string[]): number => references.filter((id) => ours.test(id)).length + 1;

const unusable = (detail: string): Failed => ({
  kind: "failed",
  permanent: true,
  code: "answer_unusable",
  detail,
  endsAs: "failed",
});
