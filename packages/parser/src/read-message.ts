/** From bytes to a `ParsedMessage`: pure, in one go, within limits that keep its time and memory near the message's size. */
import {
  type FoundField,
  type ParsedAttachment,
  type ParsedField,
  type ParsedMessage,
  parsedLimits,
} from "@mailfleet/mail";
import { isBodyPart, readBodyTexts } from "./body-texts.ts";
import { readDate } from "./date-field.ts";
import { parseLimits } from "./parse-limits.ts";
import type { ParseResult } from "./parse-result.ts";
import { headerText, safeFilename } from "./plain-text.ts";
import { type Part, readStructure } from "./structure.ts";
import { decodeBody } from "./transfer-encoding.ts";
import { readWrittenMailboxes } from "./written-mailboxes.ts";

/** Whose contents to bring: of all attachments, of none, or of those with these numbers. */
export type WantedContents = boolean | readonly number[];

/** Reads a message whose size was checked. */
export function readMessage(bytes: Uint8Array, wanted: WantedContents): ParseResult {
  const structure = readStructure(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  if (!structure.ok) return structure;
  const { header, root } = structure;
  const cuts = new Set<string>(structure.cuts);

  const valuesOf = (name: string) => header.fields.filter((field) => isNamed(field, name)).map(({ value }) => value);
  const mailboxes = (name: string) => {
    const read = readWrittenMailboxes(valuesOf(name));
    if (read.isCut) cuts.add(`${name.replace("-", "_")}_cut`);
    return read.mailboxes;
  };
  const messageIds = (name: string) => {
    const ids = valuesOf(name).flatMap(readMessageIds);
    if (ids.length > parsedLimits.references) cuts.add(`${name.replace("-", "_")}_cut`);
    return ids.slice(-parsedLimits.references);
  };

  const messageId = readMessageIds(valuesOf("message-id")[0] ?? "")[0];
  const date = readDate(valuesOf("date")[0] ?? "");
  const subject = headerText(valuesOf("subject")[0] ?? "", parseLimits.subjectLength);
  if (subject.isCut) cuts.add("subject_cut");

  const message: Omit<ParsedMessage, "cuts"> = {
    ...(messageId === undefined ? {} : { messageId }),
    inReplyTo: messageIds("in-reply-to"),
    references: messageIds("references"),
    ...(date === undefined ? {} : { date }),
    from: mailboxes("from"),
    replyTo: mailboxes("reply-to"),
    to: mailboxes("to"),
    cc: mailboxes("cc"),
    subject: subject.text,
    fields: header.fields.filter(({ name }) => name !== "").map(parsedField),
    ...readBodyTexts(root, cuts),
    attachments: readAttachments(root, wanted),
  };
  return { ok: true, message: { ...message, cuts: [...cuts] } };
}

const isNamed = (field: FoundField, name: string): boolean => field.name.toLowerCase() === name;

/** SQL text knows no NUL. */
const parsedField = ({ name, value }: FoundField): ParsedField => ({ name, value: value.replaceAll("\0", "\ufffd") });

/** Those that can be written into a field again; `composeLimits.messageIdLength` holds for them too. */
function readMessageIds(value: string): string[] {
  return (value.match(/<[\x21-\x3b\x3d\x3f-\x7e]+>/g) ?? []).filter((id) => id.length <= parseLimits.messageIdLength);
}

function readAttachments(root: Part, wanted: WantedContents): ParsedAttachment[] {
  const attachments: ParsedAttachment[] = [];
  const walk = (part: Part, isRelated: boolean) => {
    if (part.contentType.startsWith("multipart/")) {
      for (const child of part.children) walk(child, isRelated || part.contentType === "multipart/related");
    } else if (!isBodyPart(part, part === root)) {
      attachments.push(readAttachment(part, attachments.length, isRelated, wanted));
    }
  };
  walk(root, false);
  return attachments;
}

function readAttachment(part: Part, number: number, isRelated: boolean, wanted: WantedContents): ParsedAttachment {
  const content = decodeBody(part.body, part.encoding);
  const filename = safeFilename(
    part.disposition?.parameters.get("filename") ?? part.parameters.get("name") ?? "",
    parseLimits.filenameLength,
  );
  const isInline = part.disposition ? part.disposition.value === "inline" : isRelated && part.contentId !== undefined;
  const isWanted = typeof wanted === "boolean" ? wanted : wanted.includes(number);
  return {
    number,
    ...(filename === undefined ? {} : { filename }),
    contentType: part.contentType,
    ...(part.contentId === undefined ? {} : { contentId: part.contentId }),
    disposition: isInline ? "inline" : "attachment",
    sizeBytes: content.length,
    ...(isWanted ? { content } : {}),
  };
}
