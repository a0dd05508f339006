import { createHash } from "node:crypto";
import {
  type AnswerSettings,
  type AttachmentInput,
  composeMessage,
  domainOf,
  type FieldProblem,
  loopHeader,
  makeMessageId,
  type ParsedMessage,
  parseMailbox,
  type Sign,
} from "@mailfleet/mail";
import type { Submission } from "@mailfleet/store";
import { envelopeTo } from "./envelope-to.ts";
import { fleetName } from "./letter.ts";

export interface Escalation {
  readonly tenantId: string;
  readonly inboundUid: string;
  readonly mailboxId: string;
  readonly settings: AnswerSettings;
  /** A person's address, from the mailbox's settings. */
  readonly forwardTo: string;
  /** Why a person is needed, in the answerer's words. */
  readonly note: string;
  readonly message: ParsedMessage;
  /** The whole message, which is attached as it came. */
  readonly content: Uint8Array;
  readonly date: Date;
  readonly sign: Sign;
}

/** A message forwarded to a person, whole and attached (RFC 2046, section 5.2.1). */
export async function escalationLetter(escalation: Escalation): Promise<Submission | FieldProblem> {
  const { tenantId, inboundUid, settings, forwardTo, message, content } = escalation;
  // What cannot be attached as a message, such as one with endless lines, is attached as a file.
  const asMessage = await compose(escalation, { content: base64(content), contentType: "message/rfc822" });
  const composed = asMessage.ok
    ? asMessage
    : await compose(escalation, {
        content: base64(content),
        contentType: "application/octet-stream",
        filename: "message.eml",
      });
  if (!composed.ok) return composed;
  return {
    tenantId,
    origin: "answer",
    id: `${inboundUid}-escalation`,
    digest: createHash("sha256").update(`${inboundUid}-escalation`).digest(),
    ...(settings.account !== undefined && { account: settings.account }),
    envelope: envelopeTo(settings.reversePath ?? "", forwardTo, composed),
    messageId: messageIdOf(escalation),
    headerFrom: composed.from.address.address,
    subject: subjectOf(message),
    content: composed.bytes,
    priority: "medium",
    inDoubt: settings.inDoubt,
    via: "internal",
  };
}

function compose(escalation: Escalation, attachment: AttachmentInput) {
  const { settings, forwardTo, note, message, mailboxId, sign, date } = escalation;
  const loop = loopHeader({ fleet: fleetName(sign), mailbox: mailboxId, depth: 1 }, sign);
  const who = message.from.map(({ name, address }) => (name ? `${name} <${address}>` : address)).join(", ");
  return composeMessage(
    {
      from: settings.from,
      to: [forwardTo],
      subject: subjectOf(message),
      text: `The attached message needs a person.\n\nFrom: ${who}\nMailbox: ${mailboxId}\n\n${note}\n`.toWellFormed(),
      headers: { "Auto-Submitted": "auto-generated", [loop.name]: loop.value },
      attachments: [attachment],
    },
    { messageId: messageIdOf(escalation), date },
  );
}

const subjectOf = ({ subject }: ParsedMessage): string =>
  `Fwd: ${subject.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, " ").trim()}`.slice(0, 500).toWellFormed();

function messageIdOf({ inboundUid, settings }: Escalation): string {
  const from = parseMailbox(settings.from);
  return makeMessageId(from.ok ? domainOf(from.mailbox.address.address) : "localhost", `escalation-${inboundUid}`);
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
