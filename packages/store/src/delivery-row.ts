import type { DeliveryState, HeldReason } from "@mailfleet/mail";

/** One message for one recipient, and where it stands. */
export interface Delivery {
  readonly id: string;
  readonly tenantId: string;
  readonly messageUid: string;
  /** The account's id; null once it is deleted. */
  readonly account: string | null;
  readonly accountUid: number;
  readonly recipient: string;
  readonly state: DeliveryState;
  /** Where it is held. */
  readonly heldReason: HeldReason | null;
  /** Attempts made so far. */
  readonly attemptCount: number;
  /** Where it waits for a time: scheduled, or to be tried again. */
  readonly nextAttemptAt: Date | null;
  readonly lastStatus: string | null;
  readonly lastReason: string | null;
  readonly createdAt: Date;
  readonly endedAt: Date | null;
  /** The delivery that this one repeats. */
  readonly resendOf: string | null;
}

/**
 * What an open delivery is doing is told by the narrow table that holds its ticket. A claimed one is surely unsent, so
 * only one that is being transmitted counts as `sending`.
 */
export const deliveryState = `case
    when d.state <> 'open' then d.state
    when i.state = 't' then 'sending'
    when h.delivery_uid is not null then 'held'
    when d.attempts > 0 then 'retrying'
    else 'pending' end`;

/** Joins the tickets of `d`; at most one of them is there. */
export const joinTickets = `
  left join mailfleet.inflight i on d.state = 'open' and i.delivery_uid = d.uid
  left join mailfleet.held h on d.state = 'open' and h.delivery_uid = d.uid`;

/** A `Delivery`'s columns, from `deliveryTables`. */
export const deliveryColumns = `d.uid as id, d.tenant_id as "tenantId", d.message_uid as "messageUid",
    a.id as account, d.account_uid as "accountUid", d.recipient, ${deliveryState} as state, h.reason as "heldReason",
    d.attempts as "attemptCount", l.due_at as "nextAttemptAt", d.last_status as "lastStatus",
    d.last_reason as "lastReason", d.created_at as "createdAt", d.ended_at as "endedAt", d.resend_of as "resendOf"`;

export const deliveryTables = `mailfleet.deliveries d
  left join mailfleet.accounts a on a.uid = d.account_uid ${joinTickets}
  left join mailfleet.later l on d.state = 'open' and l.delivery_uid = d.uid`;

/** Selects `Delivery` rows, as `d`. */
export const selectDeliveries = `select ${deliveryColumns} from ${deliveryTables}`;
