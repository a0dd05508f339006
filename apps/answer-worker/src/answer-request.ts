import type { AnswerRequest, ThreadTurn } from "@mailfleet/answer";
import {
  type AnswerSettings,
  addressKey,
  authenticationOf,
  type ParsedMessage,
  threadOf,
  trimReply,
  type WrittenMailbox,
} from "@mailfleet/mail";
import type { Parser } from "@mailfleet/parser";
import type { Draft, OpenedMailbox, Store } from "@mailfleet/store";

export interface RequestFacts {
  readonly mailbox: OpenedMailbox;
  readonly settings: AnswerSettings;
  readonly inboundUid: string;
  readonly receivedAt: Date;
  /** Tries that have failed. */
  readonly tries: number;
  readonly message: ParsedMessage;
  readonly correspondent: WrittenMailbox;
}

/** A webhook is told this much of the thread; a model's settings say how much it is shown. */
const webhookTurns = 10;

/** What the answerer is asked. */
export async function answerRequest(
  deps: { readonly store: Pick<Store, "answering">; readonly parser: Parser },
  facts: RequestFacts,
): Promise<AnswerRequest> {
  const { mailbox, settings, message, correspondent } = facts;
  return {
    tenantId: mailbox.tenantId,
    mailboxId: mailbox.id,
    inboundId: facts.inboundUid,
    receivedAt: facts.receivedAt,
    attempt: facts.tries + 1,
    maxTries: settings.maxTries,
    message,
    written: trimReply(message.text).written,
    correspondent,
    thread: await threadTurns(deps, facts, turnsFor(settings)),
    authenticated: authenticationOf(message, mailbox.settings.authservIds).aligned,
  };
}

function turnsFor({ answerer }: AnswerSettings): number {
  switch (answerer.kind) {
    case "template":
      return 0;
    case "webhook":
      return webhookTurns;
    case "model":
      return answerer.threadMessages;
  }
}

/** Earlier messages between the mailbox and this correspondent, as far as the message refers to them and we have them. */
async function threadTurns(
  { store, parser }: { readonly store: Pick<Store, "answering">; readonly parser: Parser },
  { mailbox, message, correspondent }: RequestFacts,
  limit: number,
): Promise<readonly ThreadTurn[]> {
  const ids = threadOf(message).references.filter((id) => id !== message.messageId);
  if (limit === 0 || ids.length === 0) return [];
  const entries = await store.answering.thread(mailbox.uid, addressKey(correspondent.address), ids, limit);
  const turns: ThreadTurn[] = [];
  for (const entry of entries) {
    const text =
      entry.from === "us"
        ? await draftText(parser, entry.draft)
        : await writtenText(parser, entry.content ?? undefined);
    if (text !== "") turns.push({ from: entry.from, at: entry.at, text });
  }
  return turns;
}

async function writtenText(parser: Parser, content: Uint8Array | undefined): Promise<string> {
  const parsed = content && (await parser.parse(content));
  return parsed?.ok ? trimReply(parsed.message.text).written : "";
}

async function draftText(parser: Parser, draft: Draft | null): Promise<string> {
  if (draft?.text !== undefined) return draft.text;
  if (draft?.html === undefined) return "";
  const page = Buffer.from(`Content-Type: text/html; charset=utf-8\r\n\r\n${draft.html}`);
  const parsed = await parser.parse(page);
  return parsed.ok ? parsed.message.text : "";
}
