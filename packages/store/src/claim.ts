export interface ClaimRequest {
  readonly accountUid: number;
  /** Deliveries wanted, 1 to 500. */
  readonly want: number;
  /** Where to look from in each of the five bands; all 0 looks everywhere. */
  readonly heads: readonly number[];
  /** Only `immediate` mail. */
  readonly express: boolean;
  /** Whether one that took its process down before may be among them. */
  readonly suspects: boolean;
}

export interface Claim {
  readonly deliveryUid: string;
  readonly messageUid: string;
  readonly attempt: number;
  readonly crashes: number;
  readonly band: number;
  readonly seq: number;
}

export type ClaimAnswer = { readonly blocked: boolean; readonly workerId: number; readonly claims: readonly Claim[] };

/** A claim as a row of `mailfleet.round` tells it. */
export const claimOf = (row: ClaimRow): Claim => ({
  deliveryUid: row.delivery_uid as string,
  messageUid: row.message_uid as string,
  attempt: row.attempt as number,
  crashes: row.crashes as number,
  band: row.band as number,
  seq: row.seq as number,
});

/** A request in the words of `mailfleet.round`. */
export const claimRow = ({ accountUid, want, heads, express, suspects }: ClaimRequest, n: number) => ({
  n,
  account: accountUid,
  want,
  heads,
  express,
  suspects,
});

export interface ClaimRow {
  readonly delivery_uid: string | null;
  readonly message_uid: string | null;
  readonly attempt: number | null;
  readonly crashes: number | null;
  readonly band: number | null;
  readonly seq: number | null;
}
