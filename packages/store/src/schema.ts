import type { Generated } from "kysely";

/** The tables as kysely sees them; docs and types only for what is queried with it. */
export interface Schema {
  "mailfleet.messages": MessageRow;
  "mailfleet.deliveries": DeliveryRow;
  "mailfleet.command_log": CommandLogRow;
}

export interface MessageRow {
  uid: string;
  tenant_id: string;
  origin: string;
  id: string;
  account_uid: number;
  message_id: string;
  via: string;
  reverse_path: string;
  header_from: string | null;
  subject: string | null;
  priority: number;
  in_doubt: "retry" | "hold";
  batch: string | null;
  tags: string[] | null;
  metadata: unknown;
  size_bytes: number;
  blob_key: string | null;
  accepted_at: Generated<Date>;
  send_at: Date | null;
  expires_at: Date | null;
}

export interface DeliveryRow {
  uid: string;
  tenant_id: string;
  message_uid: string;
  account_uid: number;
  recipient: string;
  position: number;
  resend_of: string | null;
  created_at: Generated<Date>;
  state: "open" | "sent" | "dead_lettered" | "suppressed" | "cancelled";
  ended_at: Date | null;
  attempts: number;
  last_status: string | null;
  last_reason: string | null;
}

export interface CommandLogRow {
  id: Generated<number>;
  at: Generated<Date>;
  actor: string;
  tenant_id: string | null;
  command: string;
  target: string | null;
  detail: unknown;
}
