/**
 * Writes the answer to a message: to one person, threaded, marked as automatic (RFC 3834 section 3.1) and as ours.
 *
 * What answers can say is their subject and their bodies; where they go and what fields they have is settled here. The
 * same input gives the same bytes, so an answer that is composed again after a crash is the same message.
 */
import { domainOf } from "./address.ts";
import { type ComposedMessage, composeMessage, makeMessageId } from "./compose.ts";
import { plainLine } from "./field-text.ts";
import { isId } from "./ids.ts";
import { type LoopMark, loopHeader } from "./loop-header.ts";
import { parseMailbox } from "./mailbox.ts";
import { composeLimits, type FieldProblem, fieldProblem, type MessageFields } from "./message-fields.ts";
import type { ParsedMessage, WrittenMailbox } from "./parsed-message.ts";
import { quoteHtml, quoteText } from "./quotation.ts";
import { replySubject } from "./reply-subject.ts";
import type { Sign } from "./signed-name.ts";
import { threadOf } from "./thread.ts";

export interface AnswerInput {
  /** Of the inbound message; it makes the answer's Message-ID. */
  readonly inboundUid: string;
  /** The message that is answered. */
  readonly message: ParsedMessage;
  /** `Support <help@example.org>` */
  readonly from: string;
  /** The one recipient, as `answerRecipient` gives it. */
  readonly to: WrittenMailbox;
  /** The reply's subject (`replySubject`) where it is absent or empty. Made one line. */
  readonly subject?: string | undefined;
  /** At least one of text and html, and not empty. */
  readonly text?: string | undefined;
  readonly html?: string | undefined;
  readonly quoteOriginal: boolean;
  readonly date: Date;
  readonly loop: LoopMark;
  readonly sign: Sign;
}

/** The answer as a message, or what is wrong with it; `field` names what was given. */
export async function composeAnswer(input: AnswerInput): Promise<ComposedMessage | FieldProblem> {
  const fields = answerFields(input);
  if ("code" in fields) return fields;
  const messageId = answerMessageId(input.inboundUid, input.from);
  if (messageId === undefined) return fieldProblem("bad_from", "from", "From is not one mailbox.");
  return composeMessage(fields, { messageId, date: input.date });
}

/** `<answer-UID@domain>`, of the domain in From; undefined where that is not one mailbox. */
export function answerMessageId(inboundUid: string, from: string): string | undefined {
  if (!isId(inboundUid)) throw new TypeError(`not an id: ${JSON.stringify(inboundUid)}`);
  const parsed = parseMailbox(from);
  return parsed.ok ? makeMessageId(domainOf(parsed.mailbox.address.address), `answer-${inboundUid}`) : undefined;
}

function answerFields(input: AnswerInput): MessageFields | FieldProblem {
  const { message, from, to, quoteOriginal } = input;
  const text = input.text?.trim() ? input.text.toWellFormed() : undefined;
  const html = input.html?.trim() ? input.html.toWellFormed() : undefined;
  if (text === undefined && html === undefined) return fieldProblem("empty_answer", "text", "The answer says nothing.");
  const { inReplyTo, references } = threadOf(message);
  const loop = loopHeader(input.loop, input.sign);
  return {
    from,
    to: [to.name ? { name: plainLine(to.name, nameLength), address: to.address } : to.address],
    subject: plainLine(input.subject ?? "", composeLimits.subjectLength) || replySubject(message.subject),
    ...(text === undefined ? {} : { text: withQuotedText(text, quoteOriginal ? quoteText(message) : "") }),
    ...(html === undefined ? {} : { html: withQuotedHtml(html, quoteOriginal ? quoteHtml(message) : "") }),
    ...(inReplyTo === undefined ? {} : { inReplyTo }),
    references,
    headers: { "Auto-Submitted": "auto-replied", [loop.name]: loop.value, "X-Auto-Response-Suppress": "All" },
  };
}

const nameLength = 200;

const withQuotedText = (text: string, quotation: string): string =>
  quotation === "" ? text : `${text.trimEnd()}\n\n${quotation}\n`;

/** Inside the body, where the HTML says where that ends. */
function withQuotedHtml(html: string, quotation: string): string {
  if (quotation === "") return html;
  const at = [...html.matchAll(/<\/body\b/gi)].at(-1)?.index ?? html.length;
  return `${html.slice(0, at)}\n${quotation}\n${html.slice(at)}`;
}
