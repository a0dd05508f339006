import { accept, prepare } from "./accept.ts";
import { hasTooManyDrafts } from "./approvals.ts";
import type { Sql, Tx } from "./database.ts";
import { type MailboxAction, requestActions } from "./mailbox-actions.ts";
import type { Submission } from "./submission.ts";
import { close, type Findings, keep, type Ticket, take } from "./ticket.ts";

export interface Answer extends Findings {
  readonly answerer: string;
  readonly correspondent: string;
  /** Its Message-ID, with its angle brackets, and that of what it answers. */
  readonly messageId: string;
  readonly inReplyTo?: string;
  /** The Message-IDs of the thread so far, for its depth. */
  readonly references: readonly string[];
  /** Absent where it only goes to Drafts. */
  readonly submission?: Submission;
  readonly actions: readonly MailboxAction[];
  readonly limits: AnswerLimits;
  /** Of the end; such as `draft`. */
  readonly reason?: string;
}

export interface AnswerLimits {
  readonly perCorrespondentPerDay: number;
  readonly perHour: number;
  readonly threadDepth: number;
}

/** Why one answer more would be one too many. */
export type LimitReached = "too_many_answers" | "hourly_cap" | "thread_too_deep" | "already_answered";

/** What the limits on an answer are counted by. */
export interface LimitedAnswer {
  readonly mailboxUid: number;
  readonly correspondent: string;
  /** The Message-ID that it answers. */
  readonly inReplyTo?: string | undefined;
  readonly references: readonly string[];
  readonly limits: AnswerLimits;
}

/** What is about to trouble an answerer. */
export interface TroublingMessage {
  readonly mailboxUid: number;
  readonly inboundUid: string;
  readonly correspondent: string;
  readonly limits: AnswerLimits;
  /** Whether its answer would wait for a person. */
  readonly needsApproval: boolean;
}

/** Why an answerer is not to be troubled with one message more. */
export type TooOften = "too_many_answers" | "hourly_cap" | "too_many_drafts";

export type Answered =
  | { readonly kind: "answered"; readonly messageUid?: string; readonly accountUid?: number }
  /** It is in other hands by now, or has ended: nothing was written. */
  | { readonly kind: "lost" }
  /** A kill switch was set meanwhile: it waits on. */
  | { readonly kind: "stopped" }
  /** Nothing was written; the caller ends it so. */
  | {
      readonly kind: "refused";
      readonly reason: LimitReached | "tenant_suspended";
    }
  /** The outbox did not take it; nothing was written. */
  | { readonly kind: "not_accepted"; readonly code: string; readonly detail: string };

/** Ends the transaction that threw it, with nothing written. */
export class NotAccepted extends Error {
  readonly code: string;
  constructor(code: string, detail: string) {
    super(detail);
    this.code = code;
  }
}

/** Likewise: a limit was reached. */
export class Refusal extends Error {
  readonly verdict: Answered;
  constructor(verdict: Answered) {
    super(verdict.kind);
    this.verdict = verdict;
  }
}

/** The one transaction that answers; see `Answering.answer`. Throws Refusal and NotAccepted, which undo it. */
export async function answerIn(tx: Tx, ticket: Ticket, answer: Answer): Promise<Answered> {
  const { tenantId, mailboxUid, inboundUid } = ticket;
  // One answer of a mailbox at a time, so that its limits are counted in order; and the switches are as they are now.
  const gate = await gateOf(tx, ticket, "for no key update of m");
  if (gate === "gone") return { kind: "lost" };
  if (gate === "suspended") return { kind: "refused", reason: "tenant_suspended" };
  if (gate === "stopped") return { kind: "stopped" };
  if (!(await take(tx, ticket))) return { kind: "lost" };
  const reached = await limitReached(tx, { ...answer, mailboxUid });
  if (reached) throw new Refusal({ kind: "refused", reason: reached });

  await close(tx, ticket, { state: "answered", ...(answer.reason !== undefined && { reason: answer.reason }) });
  await keep(tx, ticket, answer, 0);
  await requestActions(tx, ticket, answer.actions);
  const accepted = answer.submission && (await acceptOne(tx, answer.submission));
  await tx.query(
    `insert into mailfleet.answers (inbound_uid, tenant_id, mailbox_uid, correspondent, in_reply_to, message_id, message_uid, answerer)
     values ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [
      inboundUid,
      tenantId,
      mailboxUid,
      answer.correspondent,
      answer.inReplyTo ?? null,
      answer.messageId,
      accepted?.uid ?? null,
      answer.answerer,
    ],
  );
  return { kind: "answered", ...(accepted && { messageUid: accepted.uid, accountUid: accepted.accountUid }) };
}

/** Whether anything may leave a mailbox: its kill switches, and its tenant's state; with a lock, until the transaction ends. */
export async function gateOf(
  sql: Sql,
  { mailboxUid, tenantId }: Pick<Ticket, "mailboxUid" | "tenantId">,
  lock: "" | "for no key update of m" = "",
): Promise<"open" | "stopped" | "suspended" | "gone"> {
  const [gate] = await sql.query<{ stopped: boolean; suspended: boolean }>(
    `select m.answering_stopped or exists (select from mailfleet.answering_stops s where s.tenant_id in ('', $2)) as stopped,
       t.state <> 'active' as suspended
     from mailfleet.mailboxes m join mailfleet.tenants t on t.id = m.tenant_id where m.uid = $1 ${lock}`,
    [mailboxUid, tenantId],
  );
  if (!gate) return "gone";
  if (gate.suspended) return "suspended";
  return gate.stopped ? "stopped" : "open";
}

/** Why one answer more would be one too many; undefined where it would not. */
export async function limitReached(sql: Sql, answer: LimitedAnswer): Promise<LimitReached | undefined> {
  const { mailboxUid, correspondent, references, inReplyTo, limits } = answer;
  const [counts] = await sql.query<{ today: number; hour: number; depth: number; again: boolean }>(
    `select
       (select count(*) from mailfleet.answers where mailbox_uid = $1 and correspondent = $2 and at > now() - interval '1 day') as today,
       (select count(*) from mailfleet.answers where mailbox_uid = $1 and at > now() - interval '1 hour') as hour,
       (select count(*) from mailfleet.answers where mailbox_uid = $1 and message_id = any($3)) as depth,
       exists (select from mailfleet.answers where mailbox_uid = $1 and correspondent = $2 and in_reply_to = $4) as again`,
    [mailboxUid, correspondent, references, inReplyTo ?? null],
  );
  const { today = 0, hour = 0, depth = 0, again = false } = counts ?? {};
  if (again) return "already_answered";
  if (today >= limits.perCorrespondentPerDay) return "too_many_answers";
  if (hour >= limits.perHour) return "hourly_cap";
  return depth >= limits.threadDepth ? "thread_too_deep" : undefined;
}

/** As many answers as may be given, so many times as many messages may trouble an answerer: a person rejects some drafts. */
const messagesPerAnswer = 3;

/**
 * Why an answerer is not to be troubled with one message more: what was forwarded, waits for approval, or had a model
 * called in vain counts here, as none of it counts as an answer. Reads what somebody was troubled with within a day.
 */
export async function troubledTooOften(
  sql: Sql,
  { mailboxUid, inboundUid, correspondent, limits, needsApproval }: TroublingMessage,
): Promise<TooOften | undefined> {
  if (needsApproval && (await hasTooManyDrafts(sql, mailboxUid))) return "too_many_drafts";
  const [counts] = await sql.query<{ today: number; hour: number }>(
    `select count(*) filter (where i.correspondent = $2 and i.received_at > now() - interval '1 day') as today,
       count(*) filter (where i.troubled_at > now() - interval '1 hour') as hour
     from mailfleet.inbound i where i.mailbox_uid = $1 and i.troubled_at > now() - interval '1 day' and i.uid <> $3`,
    [mailboxUid, correspondent, inboundUid],
  );
  const { today = 0, hour = 0 } = counts ?? {};
  if (today >= limits.perCorrespondentPerDay * messagesPerAnswer) return "too_many_answers";
  return hour >= limits.perHour * messagesPerAnswer ? "hourly_cap" : undefined;
}

/** Throws NotAccepted. */
export async function acceptOne(tx: Tx, submission: Submission) {
  const [accepted] = await accept(tx, [prepare(submission)]);
  if (accepted?.kind !== "accepted") throw new NotAccepted(accepted?.code ?? "none", accepted?.detail ?? "");
  return accepted;
}
