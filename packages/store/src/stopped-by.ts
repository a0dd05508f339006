/** Whose kill switch keeps answers from leaving: the widest of those that are set. */
export type StoppedBy = "fleet" | "tenant" | "mailbox";

const isSet = (tenant: string) => `exists (select from mailfleet.answering_stops s where s.tenant_id = ${tenant})`;

/** Of a tenant, or of none: SQL for its id; null where nothing is stopped. */
export const stoppedByTenant = (tenant: string): string =>
  `case when ${isSet("''")} then 'fleet' when ${isSet(tenant)} then 'tenant' end`;

/** Likewise of `mailboxes m`. */
export const stoppedByMailbox = `coalesce(${stoppedByTenant("m.tenant_id")}, case when m.answering_stopped then 'mailbox' end)`;

/** Of `mailboxes m` and `tenants t`: whether nothing of theirs is to be answered now, for a switch or a suspension. */
export const isClosed = `(t.state <> 'active' or m.answering_stopped
  or exists (select from mailfleet.answering_stops s where s.tenant_id in ('', t.id)))`;
