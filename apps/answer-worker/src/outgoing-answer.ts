import { createHash } from "node:crypto";
import type { AnswerSettings } from "@mailfleet/mail";
import type { Answer, MailboxAction, Submission, Ticket } from "@mailfleet/store";
import { envelopeTo } from "./envelope-to.ts";
import type { Letter } from "./letter.ts";

/** A letter as the one transaction takes it: through the outbox, or to Drafts. */
export function outgoingAnswer(
  { inboundUid, tenantId }: Pick<Ticket, "inboundUid" | "tenantId">,
  {
    letter,
    answerer,
    settings,
    transcript,
  }: {
    readonly letter: Letter;
    readonly answerer: string;
    readonly settings: AnswerSettings;
    readonly transcript?: unknown;
  },
  to: "outbox" | "drafts",
): Answer {
  const { messageId, correspondent, draft, inReplyTo, references } = letter;
  const answer = {
    answerer,
    correspondent,
    messageId,
    references,
    draft,
    limits: settings.limits,
    ...(inReplyTo !== undefined && { inReplyTo }),
    ...(transcript !== undefined && { transcript }),
  };
  if (to === "drafts") {
    return { ...answer, reason: "draft", actions: [appended(letter, "\\Drafts", ["\\Draft"])] };
  }
  return {
    ...answer,
    submission: submissionOf(letter, settings, { inboundUid, tenantId }),
    actions: actionsAfter(letter, settings),
  };
}

/** What is done in the mailbox once the answer is on its way; a move comes last, as it takes the message elsewhere. */
export function actionsAfter(letter: Letter, settings: AnswerSettings): readonly MailboxAction[] {
  const { markAnswered, markSeen, appendTo, moveTo } = settings;
  const add = [...(markAnswered ? ["\\Answered"] : []), ...(markSeen ? ["\\Seen"] : [])];
  return [
    ...(add.length > 0 ? [{ kind: "flags", add } as const] : []),
    ...(appendTo === undefined ? [] : [appended(letter, appendTo, ["\\Seen"])]),
    ...(moveTo === undefined ? [] : [{ kind: "move", to: moveTo } as const]),
  ];
}

const appended = (letter: Letter, folder: string, flags: readonly string[]): MailboxAction => ({
  kind: "append",
  folder,
  flags,
  messageId: letter.messageId,
  bytes: letter.message.bytes,
});

function submissionOf(
  { message, messageId, draft }: Letter,
  settings: AnswerSettings,
  { inboundUid, tenantId }: Pick<Ticket, "inboundUid" | "tenantId">,
): Submission {
  return {
    tenantId,
    origin: "answer",
    // One message, one answer, whoever tries.
    id: inboundUid,
    digest: createHash("sha256").update(inboundUid).digest(),
    ...(settings.account !== undefined && { account: settings.account }),
    envelope: envelopeTo(settings.reversePath ?? "", draft.to, message),
    messageId,
    headerFrom: message.from.address.address,
    subject: draft.subject,
    content: message.bytes,
    priority: "medium",
    inDoubt: settings.inDoubt,
    via: "internal",
  };
}
