/** From a validated message to the outbox: composed once, with its Message-ID and date fixed, and then accepted. */
import { createHash } from "node:crypto";
import {
  addressKey,
  composeMessage,
  domainOf,
  type MessageFields,
  makeMessageId,
  needsSmtpUtf8,
  newId,
  parseAddress,
} from "@mailfleet/mail";
import type { Acceptance, Acceptor, Store, Submission } from "@mailfleet/store";
import type { Telemetry } from "@mailfleet/telemetry";
import { ProblemError } from "./problems.ts";
import { type ReplyThread, replyThread } from "./reply-thread.ts";
import { type MessageInput, messageLimits } from "./schemas/message.ts";
import type { TenantView } from "./tenant-views.ts";
import { invalidRequest, pointerOfField } from "./validation.ts";

export interface SubmitDeps {
  readonly acceptor: Pick<Acceptor, "accept">;
  /** Asks for a turn; fire and forget. */
  readonly wake: (accountUid: number, options: { readonly express: boolean }) => void;
  readonly telemetry: Pick<Telemetry, "accepted">;
  readonly store: { readonly inbound: Pick<Store["inbound"], "get" | "content"> };
  readonly now: () => Date;
}

/** An accepted message, as the tenant hears of it. */
export type Accepted = Extract<Acceptance, { kind: "accepted" }>;

/** Resolves after the commit. Rejects with a ProblemError where the message is refused. */
export async function submit(deps: SubmitDeps, tenant: TenantView, input: MessageInput): Promise<Accepted> {
  if (tenant.state === "suspended") throw new ProblemError("tenant_suspended");
  const thread = input.inReplyTo && (await replyThread(deps.store.inbound, tenant.id, input.inReplyTo.inbound));
  const submission = await readSubmission(tenant, input, deps.now(), thread);
  const acceptance = await deps.acceptor.accept(submission);
  if (acceptance.kind === "refused") throw refusal(acceptance);
  if (!acceptance.duplicate) {
    if (acceptance.accountUid > 0) deps.wake(acceptance.accountUid, { express: submission.priority === "immediate" });
    deps.telemetry.accepted({
      messageId: acceptance.uid,
      tenantId: tenant.id,
      accountId: input.account ?? String(acceptance.accountUid),
      origin: "http",
      priority: submission.priority,
      recipients: submission.envelope.recipients.length,
      sizeBytes: submission.content.byteLength,
    });
  }
  return acceptance;
}

async function readSubmission(
  tenant: TenantView,
  input: MessageInput,
  now: Date,
  thread: ReplyThread | undefined,
): Promise<Submission> {
  const { sendAt, expiresAt } = checkTimes(input, now);
  const reversePath = readReversePath(input);
  const fields = fieldsOf(input, thread);
  const from = typeof input.from === "string" ? input.from : input.from.address;
  const messageId = makeMessageId(fromDomain(from), newId());
  const composed = await composeMessage(fields, { messageId, date: now });
  if (!composed.ok) {
    throw invalidRequest([{ path: pointerOfField(composed.field), code: composed.code, detail: composed.detail }]);
  }
  const sender = composed.from.address.address;
  checkSender(tenant, [sender, ...(reversePath === undefined || reversePath === "" ? [] : [reversePath])]);
  const envelope = {
    reversePath: reversePath ?? sender,
    recipients: composed.recipients.map((address) => ({ address })),
    smtpUtf8:
      composed.headerIsUtf8 ||
      needsSmtpUtf8(reversePath ?? sender) ||
      composed.recipients.some((one) => needsSmtpUtf8(one)),
    eightBit: composed.eightBit,
  };
  return {
    tenantId: tenant.id,
    origin: "tenant",
    digest: digestOf(input),
    envelope,
    messageId,
    headerFrom: sender,
    content: composed.bytes,
    priority: input.priority,
    inDoubt: input.inDoubt,
    via: "http",
    ...(input.id !== undefined && { id: input.id }),
    ...(input.account !== undefined && { account: input.account }),
    ...(fields.subject !== undefined && { subject: fields.subject }),
    ...(sendAt && { sendAt }),
    ...(expiresAt && { expiresAt }),
    ...(input.batch !== undefined && { batch: input.batch }),
    ...(input.tags && { tags: input.tags }),
    ...(input.metadata && { metadata: input.metadata }),
  };
}

/** A time that has passed is now; one that is never reached before the message expires is a mistake. */
function checkTimes({ sendAt, expiresAt }: MessageInput, now: Date): { sendAt?: Date; expiresAt?: Date } {
  const refuse = (path: string, code: string, detail: string) => invalidRequest([{ path, code, detail }]);
  if (sendAt && sendAt.getTime() - now.getTime() > messageLimits.sendAheadMs) {
    throw refuse("/sendAt", "too_far_ahead", "At most a year ahead.");
  }
  if (sendAt && expiresAt && expiresAt <= sendAt) throw refuse("/expiresAt", "not_after", "Must be after sendAt.");
  return { ...(sendAt && sendAt > now && { sendAt }), ...(expiresAt && { expiresAt }) };
}

/** Undefined where none was given; an empty text is the null reverse-path. */
function readReversePath({ returnPath }: MessageInput): string | undefined {
  if (returnPath === undefined) return undefined;
  if (returnPath === "<>") return "";
  const parsed = parseAddress(returnPath);
  if (parsed.ok) return parsed.address.address;
  throw invalidRequest([{ path: "/returnPath", code: parsed.code, detail: parsed.detail }]);
}

/** What the message says of its thread itself wins over what it answers. */
function fieldsOf(input: MessageInput, answered: ReplyThread | undefined): MessageFields {
  const { from, to, cc, bcc, replyTo, text, html, headers = {}, attachments } = input;
  const { subject: answeredSubject, ...answeredThread } = answered ?? {};
  const thread = { ...answeredThread, ...threadOf(headers) };
  const subject = input.subject ?? answeredSubject;
  return { from, to, cc, bcc, replyTo, subject, text, html, attachments, ...thread } as MessageFields;
}

/** In-Reply-To and References come among the header fields, but are the composer's own, as it must fold them. */
function threadOf(
  headers: NonNullable<MessageInput["headers"]>,
): Pick<MessageFields, "headers" | "inReplyTo" | "references"> {
  const own: Record<string, string | string[]> = {};
  let inReplyTo: string | undefined;
  let references: readonly string[] | undefined;
  for (const [name, value] of Object.entries(headers)) {
    const words = () => (typeof value === "string" ? value : value.join(" ")).trim().split(/[ \t]+/, 101);
    const lower = name.toLowerCase();
    if (lower === "in-reply-to") inReplyTo = words().join(" ");
    else if (lower === "references") references = words();
    else own[name] = value;
  }
  return { headers: own, ...(inReplyTo !== undefined && { inReplyTo }), ...(references && { references }) };
}

/** Where From cannot be read, the composer says why. */
function fromDomain(from: string): string {
  const end = from.indexOf(">");
  const bare = (end < 0 ? from : from.slice(0, end)).trim();
  const parsed = parseAddress(bare.slice(bare.lastIndexOf("<") + 1));
  return parsed.ok && !parsed.address.domain.startsWith("[") ? parsed.address.domain : "localhost";
}

/** Every one must be among the tenant's allowed senders, where it has such a list. */
export function checkSender({ allowedSenders }: TenantView, senders: readonly string[]): void {
  if (!allowedSenders) return;
  const isAllowed = (sender: string) =>
    allowedSenders.some((allowed) =>
      allowed.startsWith("@") ? allowed.slice(1) === domainOf(sender) : addressKey(allowed) === addressKey(sender),
    );
  if (!senders.every(isAllowed)) {
    throw new ProblemError(
      "sender_not_allowed",
      "From and the reverse-path must be among the tenant's allowed senders.",
    );
  }
}

const noDigest = new Uint8Array(32);

/**
 * What makes it the same message: all that was asked for but its id. Validation has put the fields in one order; where
 * names are the tenant's own, they are sorted, so that their order says nothing. Without an id nothing is compared.
 */
function digestOf({ id, headers, metadata, ...content }: MessageInput): Uint8Array {
  if (id === undefined) return noDigest;
  const canonical = { ...content, headers: headers && sorted(headers), metadata: metadata && sorted(metadata) };
  return createHash("sha256").update(JSON.stringify(canonical)).digest();
}

function sorted(value: unknown): unknown {
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(sorted);
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return Object.fromEntries(entries.map(([name, inner]) => [name, sorted(inner)]));
}

function refusal({ code, detail, retryAfterSeconds }: Extract<Acceptance, { kind: "refused" }>): ProblemError {
  const problem = code === "account_not_found" ? "unknown_account" : code;
  return new ProblemError(problem, detail, retryAfterSeconds === undefined ? {} : { retryAfterSeconds });
}
