/** SQL truth: migrations, accept(), the queue and its statements, and one module per aggregate. PostgreSQL only. */

export * from "./accept.ts";
export * from "./acceptor.ts";
export * from "./access-tokens.ts";
export type { SendingAccount } from "./account-sending.ts";
export * from "./account-settings.ts";
export type { Account, AccountDeletion, AccountPut, Accounts, ResolvedAccount } from "./accounts.ts";
export { accountLimits } from "./accounts.ts";
export * from "./answer-journal.ts";
export type { Answer, Answered, AnswerLimits, LimitedAnswer, LimitReached } from "./answer-transaction.ts";
export * from "./answering.ts";
export * from "./api-keys.ts";
export * from "./blob.ts";
export { collectOrphans, type OrphanCollection } from "./blob-orphans.ts";
export type { Cancellation } from "./cancel.ts";
export * from "./check-database.ts";
export { takeChore } from "./chores.ts";
export * from "./claim.ts";
export type { Command, CommandLog, LoggedCommand } from "./command-log.ts";
export { readWhole, type StoredContent } from "./content.ts";
export * from "./database.ts";
export type { Attempt, DeadLetter, Deliveries, DeliveryDetail, DeliveryFilter } from "./deliveries.ts";
export * from "./delivery-record.ts";
export {
  type DeliveryReport,
  type DeliveryReportKind,
  type DeliveryReports,
  type RecordedEffect,
  type RecordedReport,
  type ReportEffect,
  softBounceLimits,
} from "./delivery-reports.ts";
export type { Delivery } from "./delivery-row.ts";
export { openSendable, type Sendable, sendableLimits } from "./due.ts";
export * from "./following.ts";
export * from "./inbound.ts";
export * from "./inbound-depth.ts";
export * from "./lanes.ts";
export type { MailFilter } from "./list-filter.ts";
export * from "./mailbox-actions.ts";
export type { MailboxSecretChanges, MailboxSecretsPresent } from "./mailbox-secrets.ts";
export * from "./mailboxes.ts";
export * from "./maintenance.ts";
export type { Message, MessageDetail, MessageFilter, Messages } from "./messages.ts";
export * from "./migrate.ts";
export * from "./model-budget.ts";
export { BadCursorError, type Page, type PageRequest, pageLimits } from "./page.ts";
export * from "./questions.ts";
export type { ReleaseAction, Released } from "./release.ts";
export type { Requeued, RequeueFilter } from "./requeue-all.ts";
export type { Resent } from "./resend.ts";
export * from "./rounds.ts";
export { openSecretKeys, SealError, type SecretKeys } from "./seal.ts";
export * from "./shards.ts";
export type { AccountStats, Stats } from "./stats.ts";
export type { StoppedBy } from "./stopped-by.ts";
export * from "./store.ts";
export * from "./submission.ts";
export { type NewSuppression, type Suppression, type Suppressions, suppressionLimits } from "./suppressions.ts";
export { returnSuspended } from "./suspended.ts";
export * from "./sweep.ts";
export type { Tenant, TenantChange, TenantDeletion, TenantSettings, Tenants } from "./tenants.ts";
export type { ApprovedDraft, Draft, Findings, LoadedInbound, Ticket } from "./ticket.ts";
export * from "./timer.ts";
export * from "./transmission.ts";
export { refuseAboveLimits } from "./used-up-limits.ts";
export * from "./worker-lease.ts";
