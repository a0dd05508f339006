import { type AttachmentInput, composeLimits, type FieldProblem, fieldProblem, isPlainLine } from "./message-fields.ts";

/** An attachment with its content decoded, safe to write. */
export interface Attachment {
  readonly filename?: string;
  readonly contentType?: string;
  readonly content: Buffer;
  readonly contentId?: string;
  readonly disposition: "attachment" | "inline";
}

const token = "[A-Za-z0-9!#$%&'*+.^_`{|}~-]+";
const contentTypePattern = new RegExp(`^${token}/${token}(?: *; *${token}=(?:${token}|"[^"\\\\\\x00-\\x1f\\x7f]*"))*$`);
const contentIdPattern = /^[\x21-\x3b\x3d\x3f-\x7e]{1,255}$/;
const base64Pattern = /^[A-Za-z0-9+/]*={0,2}$/;
const maxLineOctets = 998;

/** Checks and decodes the attachments. */
export function checkAttachments(inputs: readonly AttachmentInput[]): readonly Attachment[] | FieldProblem {
  if (inputs.length > composeLimits.attachments) {
    return fieldProblem("too_many_attachments", "attachments", `At most ${composeLimits.attachments} attachments.`);
  }
  const checked: Attachment[] = [];
  for (const [i, input] of inputs.entries()) {
    const attachment = checkAttachment(input, `attachments[${i}]`);
    if ("code" in attachment) return attachment;
    checked.push(attachment);
  }
  return checked;
}

function checkAttachment(input: AttachmentInput, field: string): Attachment | FieldProblem {
  const { filename, contentType, contentId } = input;
  if (filename !== undefined) {
    if (filename === "" || !isPlainLine(filename) || filename.length > composeLimits.filenameLength) {
      return fieldProblem(
        "bad_filename",
        `${field}.filename`,
        "A filename has 1 to 255 characters, none of them control characters.",
      );
    }
  }
  if (contentType !== undefined) {
    // A multipart type would take the attachment's bytes for parts of the message.
    const valid = contentType.length <= composeLimits.contentTypeLength && contentTypePattern.test(contentType);
    if (!valid || /^multipart\//i.test(contentType)) {
      return fieldProblem(
        "bad_content_type",
        `${field}.contentType`,
        'A content type looks like "application/pdf", and is not multipart.',
      );
    }
  }
  if (contentId !== undefined && !contentIdPattern.test(contentId)) {
    return fieldProblem(
      "bad_content_id",
      `${field}.contentId`,
      "A Content-ID has 1 to 255 ASCII characters, no spaces or brackets.",
    );
  }
  if (input.content.length % 4 !== 0 || !base64Pattern.test(input.content)) {
    return fieldProblem("bad_base64", `${field}.content`, "The content is not base64.");
  }
  let content: Buffer = Buffer.from(input.content, "base64");
  if (contentType !== undefined && /^message\//i.test(contentType)) {
    // RFC 2046 section 5.2.1: a message inside a message is not encoded, so it must be fit to travel as it is.
    content = Buffer.from(content.toString("latin1").replace(/\r\n|\r|\n/g, "\r\n"), "latin1");
    if (!travelsAsIs(content)) {
      return fieldProblem(
        "bad_attached_message",
        `${field}.content`,
        "An attached message has lines of at most 998 bytes and no NUL.",
      );
    }
  }
  return {
    content,
    disposition: input.disposition ?? (contentId === undefined ? "attachment" : "inline"),
    ...(filename === undefined ? {} : { filename }),
    ...(contentType === undefined ? {} : { contentType }),
    ...(contentId === undefined ? {} : { contentId }),
  };
}

function travelsAsIs(content: Buffer): boolean {
  if (content.includes(0)) return false;
  let start = 0;
  while (start < content.length) {
    const end = content.indexOf("\r\n", start);
    if ((end < 0 ? content.length : end) - start > maxLineOctets) return false;
    if (end < 0) return true;
    start = end + 2;
  }
  return true;
}
