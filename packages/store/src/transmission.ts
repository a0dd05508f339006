import type { Envelope, Notify } from "@mailfleet/mail";
import type { Database } from "./database.ts";

/** Content up to this size comes with the claim; larger content is fetched when its turn comes. */
export const claimedContentBytes = 64 * 1024;

/** One delivery in a worker's hands, with all that offering and judging it takes. */
export interface Transmission {
  readonly deliveryUid: string;
  readonly messageUid: string;
  readonly tenantId: string;
  readonly accountUid: number;
  /** The incarnation that claimed it. */
  readonly workerId: number;
  /** The number that this attempt will have; the first is 1. */
  readonly attempt: number;
  readonly crashes: number;
  /** Band 4 is mail that took its process down twice. */
  readonly band: number;
  readonly envelope: Envelope;
  /** The Message-ID header field's value. */
  readonly messageId: string;
  /** The message's id as its tenant knows it. */
  readonly id: string;
  readonly origin: string;
  readonly via: string;
  readonly inDoubt: "retry" | "hold";
  readonly priority: number;
  readonly acceptedAtMs: number;
  readonly expiresAtMs?: number;
  readonly sizeBytes: number;
  readonly bytes?: Uint8Array;
  readonly blobKey?: string;
}

interface LoadedRow {
  delivery_uid: string;
  message_uid: string;
  tenant_id: string;
  account_uid: number;
  attempt: number;
  crashes: number;
  band: number;
  expires_ms: number | null;
  recipient: string;
  notify: string | null;
  orcpt: string | null;
  reverse_path: string;
  smtp_utf8: boolean;
  eight_bit: boolean;
  ret: "FULL" | "HDRS" | null;
  envid: string | null;
  message_id: string;
  id: string;
  origin: string;
  via: string;
  in_doubt: "retry" | "hold";
  priority: number;
  accepted_ms: number;
  size_bytes: number;
  blob_key: string | null;
  ascii: string | null;
  bytes: Uint8Array | null;
}

/** Reads claimed deliveries, in the order asked for; those that are not in the worker's hands any more are left out. */
export async function loadTransmissions(
  db: Database,
  workerId: number,
  deliveryUids: readonly string[],
): Promise<Transmission[]> {
  const rows = await db.query<LoadedRow>("select * from mailfleet.load_claimed($1, $2, $3)", [
    workerId,
    deliveryUids,
    claimedContentBytes,
  ]);
  return rows.map((row) => transmissionOf(row, workerId));
}

function transmissionOf(row: LoadedRow, workerId: number): Transmission {
  const recipient = {
    address: row.recipient,
    ...(row.notify !== null && { notify: row.notify.split(",") as Notify[] }),
    ...(row.orcpt !== null && { orcpt: row.orcpt }),
  };
  return {
    deliveryUid: row.delivery_uid,
    messageUid: row.message_uid,
    tenantId: row.tenant_id,
    accountUid: row.account_uid,
    workerId,
    attempt: row.attempt + 1,
    crashes: row.crashes,
    band: row.band,
    envelope: {
      reversePath: row.reverse_path,
      recipients: [recipient],
      smtpUtf8: row.smtp_utf8,
      eightBit: row.eight_bit,
      ...(row.ret !== null && { ret: row.ret }),
      ...(row.envid !== null && { envid: row.envid }),
    },
    messageId: row.message_id,
    id: row.id,
    origin: row.origin,
    via: row.via,
    inDoubt: row.in_doubt,
    priority: row.priority,
    acceptedAtMs: row.accepted_ms,
    ...(row.expires_ms !== null && { expiresAtMs: row.expires_ms }),
    sizeBytes: row.size_bytes,
    ...contentOf(row),
    ...(row.blob_key !== null && { blobKey: row.blob_key }),
  };
}

/** ASCII comes as text, since the driver would have bytea travel as hex, twice its size. */
const contentOf = ({ ascii, bytes }: Pick<LoadedRow, "ascii" | "bytes">): { bytes?: Uint8Array } => {
  if (ascii !== null) return { bytes: Buffer.from(ascii, "latin1") };
  return bytes !== null ? { bytes } : {};
};

/** The inline content of a message that was too large to come with its claim. */
export async function loadContent(db: Database, messageUid: string): Promise<Uint8Array | undefined> {
  const [row] = await db.query<{ bytes: Uint8Array }>("select bytes from mailfleet.contents where message_uid = $1", [
    messageUid,
  ]);
  return row?.bytes;
}
