import type { Submission } from "@mailfleet/store";

/** A message as its sender knows it. */
export interface Sent {
  readonly submission: Submission;
  /** The uid that the first positive answer told. */
  uid?: string;
}

/** What was promised and seen outside of the database, for the end to be held against. */
export interface Ledger {
  /** By tenant and id. */
  readonly sent: Map<string, Sent>;
  /** Deliveries that a cancellation said were cancelled. */
  readonly cancelled: Set<string>;
  /** How often a person decided that held mail shall be sent, perhaps again. */
  readonly released: Map<string, number>;
  /** Deliveries that a person said the recipient has. */
  readonly markedSent: Set<string>;
  /** Deliveries whose success a process lived to see committed. */
  readonly succeeded: Set<string>;
  /** Until when each worker's lease runs, in the database's time. */
  readonly leases: Map<number, number>;
  /** Why the seed fails. */
  readonly violations: string[];
}

export const openLedger = (): Ledger => ({
  sent: new Map(),
  cancelled: new Set(),
  released: new Map(),
  markedSent: new Set(),
  succeeded: new Set(),
  leases: new Map(),
  violations: [],
});
