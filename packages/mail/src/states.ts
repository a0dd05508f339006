/** Where a delivery stands: one message for one recipient, until it ends. */
export type DeliveryState =
  | "pending"
  | "sending"
  | "retrying"
  | "held"
  | "sent"
  | "dead_lettered"
  | "suppressed"
  | "cancelled";

export const deliveryStates: readonly DeliveryState[] = [
  "pending",
  "sending",
  "retrying",
  "held",
  "sent",
  "dead_lettered",
  "suppressed",
  "cancelled",
];

/** Why a delivery waits for a decision: ours to make, the operator's, or nobody's until someone looks. */
export type HeldReason = "in_doubt" | "suspended" | "poison";

/** `pending`: nothing tried yet; `active`: some deliveries go on; `done`: all have ended. */
export type MessageState = "pending" | "active" | "done";

/** Orders mail within a tenant only. */
export type Priority = "immediate" | "high" | "medium" | "low";

/** The four bands that mail is drawn from by weight; 0 is the most urgent. */
export const priorityBands: Readonly<Record<Priority, number>> = { immediate: 0, high: 1, medium: 2, low: 3 };

/** In the order of their bands, so `priorities[band]` is the name of a band. */
export const priorities: readonly Priority[] = ["immediate", "high", "medium", "low"];

/** An ended delivery never changes its state again; a resend is a new delivery. */
export function isEnded(state: DeliveryState): boolean {
  return state === "sent" || state === "dead_lettered" || state === "suppressed" || state === "cancelled";
}
