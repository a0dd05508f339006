/**
 * The API's fields of a message, checked: what comes out of here can be written into a header as it stands.
 *
 * Header injection is impossible by construction: no value with a line break, a NUL or half a surrogate pair gets
 * past, names are RFC 5322's, and the fields that decide where a message goes and what it is can't be given at all.
 */
import { addressKey } from "./address.ts";
import { isFieldName } from "./field.ts";
import { type Mailbox, parseMailbox } from "./mailbox.ts";

/** `"Ann <ann@example.org>"`, or its parts. */
export type MailboxInput = string | { readonly name?: string; readonly address: string };

export interface AttachmentInput {
  readonly filename?: string;
  /** Found from the filename where it is missing. */
  readonly contentType?: string;
  /** Base64 (RFC 4648 section 4), without line breaks. */
  readonly content: string;
  /** Content-ID without its angle brackets: shown inside the HTML that refers to `cid:…`. */
  readonly contentId?: string;
  /** `attachment` without a `contentId`, `inline` with one. */
  readonly disposition?: "attachment" | "inline";
}

/** A message as an application describes it. */
export interface MessageFields {
  readonly from: MailboxInput;
  readonly to?: readonly MailboxInput[];
  readonly cc?: readonly MailboxInput[];
  /** Recipients that no header shows. */
  readonly bcc?: readonly MailboxInput[];
  readonly replyTo?: readonly MailboxInput[];
  readonly subject?: string;
  readonly text?: string;
  readonly html?: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly attachments?: readonly AttachmentInput[];
  /** Message-IDs, with their angle brackets. */
  readonly inReplyTo?: string;
  readonly references?: readonly string[];
}

export const composeLimits = {
  recipients: 1_000,
  replyTo: 50,
  subjectLength: 998,
  headers: 100,
  headerValueLength: 4_096,
  /** What has no space in it cannot be folded, and a line ends at 998 octets. */
  headerWordLength: 900,
  messageIdLength: 255,
  references: 100,
  attachments: 100,
  filenameLength: 255,
  contentTypeLength: 255,
} as const;

/** What is wrong with which field; `field` is a path such as `to[3]` or `attachments[0].content`. */
export interface FieldProblem {
  readonly ok: false;
  readonly code: string;
  readonly field: string;
  readonly detail: string;
}

export interface CheckedAddresses {
  readonly from: Mailbox;
  readonly to: readonly Mailbox[];
  readonly cc: readonly Mailbox[];
  readonly bcc: readonly Mailbox[];
  readonly replyTo: readonly Mailbox[];
  /** Of `to`, `cc` and `bcc`, in this order; of two that are one mailbox (`addressKey`) the first. */
  readonly recipients: readonly string[];
}

// Fields that the fleet writes itself, that say where a message goes, or that belong to the body.
const reserved = new Set(
  (
    "from sender to cc bcc reply-to subject date message-id in-reply-to references return-path received " +
    "delivered-to dkim-signature arc-seal arc-message-signature arc-authentication-results authentication-results " +
    "mime-version resent-from resent-sender resent-to resent-cc resent-bcc resent-date resent-message-id"
  ).split(" "),
);
const reservedPrefixes = ["content-", "mailfleet-"];

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for.
const control = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]|\p{Cs}/u;
const messageIdPattern = /^<[\x21-\x3b\x3d\x3f-\x7e]+>$/;
const longWord = new RegExp(`\\S{${composeLimits.headerWordLength + 1}}`);

export const fieldProblem = (code: string, field: string, detail: string): FieldProblem => ({
  ok: false,
  code,
  field,
  detail,
});

/** Whether a line of text is free of line breaks, other control characters and broken UTF-16. */
export const isPlainLine = (text: string): boolean => !control.test(text);

/** Whether a text is a Message-ID in angle brackets that a header may carry as it stands. */
export const isMessageId = (text: string): boolean =>
  text.length <= composeLimits.messageIdLength && messageIdPattern.test(text);

/** Reads every address of the message. */
export function checkAddresses(fields: MessageFields): CheckedAddresses | FieldProblem {
  const count = (fields.to?.length ?? 0) + (fields.cc?.length ?? 0) + (fields.bcc?.length ?? 0);
  if (count === 0) return fieldProblem("no_recipients", "to", "The message has no recipients.");
  if (count > composeLimits.recipients) {
    return fieldProblem("too_many_recipients", "to", `A message has at most ${composeLimits.recipients} recipients.`);
  }
  if ((fields.replyTo?.length ?? 0) > composeLimits.replyTo) {
    return fieldProblem("too_many_addresses", "replyTo", `At most ${composeLimits.replyTo} addresses.`);
  }
  const from = checkMailbox(fields.from, "from");
  if ("code" in from) return from;
  const lists = { to: [] as Mailbox[], cc: [] as Mailbox[], bcc: [] as Mailbox[], replyTo: [] as Mailbox[] };
  for (const name of ["to", "cc", "bcc", "replyTo"] as const) {
    for (const [i, input] of (fields[name] ?? []).entries()) {
      const mailbox = checkMailbox(input, `${name}[${i}]`);
      if ("code" in mailbox) return mailbox;
      lists[name].push(mailbox);
    }
  }
  const recipients = new Map<string, string>();
  for (const { address } of [...lists.to, ...lists.cc, ...lists.bcc]) {
    const key = addressKey(address.address);
    if (!recipients.has(key)) recipients.set(key, address.address);
  }
  return { from, ...lists, recipients: [...recipients.values()] };
}

function checkMailbox(input: MailboxInput, field: string): Mailbox | FieldProblem {
  const parsed = parseMailbox(typeof input === "string" ? input : `<${input.address}>`);
  if (!parsed.ok) return fieldProblem(parsed.code, field, parsed.detail);
  if (typeof input === "string" || !input.name) return parsed.mailbox;
  if (!isPlainLine(input.name)) return fieldProblem("control_character", field, "The name has a control character.");
  if (input.name.length > composeLimits.headerWordLength / 2) {
    return fieldProblem(
      "mailbox_name_too_long",
      field,
      `A name has at most ${composeLimits.headerWordLength / 2} characters.`,
    );
  }
  return { name: input.name, address: parsed.mailbox.address };
}

/** Checks what is neither an address nor an attachment: subject, bodies, own headers and thread. */
export function checkTexts(fields: MessageFields): FieldProblem | undefined {
  const { subject = "", text = "", html = "" } = fields;
  if (!isPlainLine(subject))
    return fieldProblem("control_character", "subject", "The subject has a control character.");
  if (subject.length > composeLimits.subjectLength) {
    return fieldProblem("subject_too_long", "subject", `At most ${composeLimits.subjectLength} characters.`);
  }
  if (!text.isWellFormed()) return fieldProblem("malformed_text", "text", "The text is not well-formed Unicode.");
  if (!html.isWellFormed()) return fieldProblem("malformed_text", "html", "The HTML is not well-formed Unicode.");
  return checkHeaders(fields.headers ?? {}) ?? checkThread(fields);
}

function checkHeaders(headers: Readonly<Record<string, string | readonly string[]>>): FieldProblem | undefined {
  let count = 0;
  for (const [name, values] of Object.entries(headers)) {
    const field = `headers.${name.slice(0, 80)}`;
    if (!isFieldName(name)) return fieldProblem("bad_header_name", field, "Not a header field name (RFC 5322).");
    const lower = name.toLowerCase();
    if (reserved.has(lower) || reservedPrefixes.some((prefix) => lower.startsWith(prefix))) {
      return fieldProblem("reserved_header", field, "This header field cannot be given here.");
    }
    for (const value of typeof values === "string" ? [values] : values) {
      if (++count > composeLimits.headers) {
        return fieldProblem("too_many_headers", "headers", `At most ${composeLimits.headers} header fields.`);
      }
      if (!isPlainLine(value)) return fieldProblem("control_character", field, "The value has a control character.");
      if (value.trim() === "") return fieldProblem("empty_header", field, "The value is empty.");
      if (value.length > composeLimits.headerValueLength || longWord.test(value)) {
        return fieldProblem(
          "header_too_long",
          field,
          `At most ${composeLimits.headerValueLength} characters, with spaces to fold at.`,
        );
      }
    }
  }
  return undefined;
}

function checkThread({ inReplyTo, references = [] }: MessageFields): FieldProblem | undefined {
  if (references.length > composeLimits.references) {
    return fieldProblem("too_many_references", "references", `At most ${composeLimits.references} Message-IDs.`);
  }
  if (inReplyTo !== undefined && !isMessageId(inReplyTo)) {
    return fieldProblem("bad_message_id", "inReplyTo", "Not a Message-ID in angle brackets.");
  }
  const at = references.findIndex((id) => !isMessageId(id));
  return at < 0
    ? undefined
    : fieldProblem("bad_message_id", `references[${at}]`, "Not a Message-ID in angle brackets.");
}
