/** Fills the outbox by SQL alone, as `accept()` would, but a million at a time. */
import type { Database } from "@mailfleet/store";

export interface Seed {
  readonly tenantId: string;
  readonly accountUid: number;
  /** Deliveries to add. */
  readonly deliveries: number;
  /** Recipients of each message; 1 makes each delivery a letter of its own. */
  readonly recipients?: number;
}

/** How the bench's statement begins, so that it is not counted as the fleet's. */
export const seedBegins = "with bench as materialized (";

const seedSql = `${seedBegins}
  select uuidv7() as uid, g from generate_series(1, $3::integer) as g
), letters as (
  insert into mailfleet.messages (uid, tenant_id, origin, id, account_uid, message_id, via, reverse_path, header_from, subject, priority, in_doubt, size_bytes)
  select uid, $1, 'tenant', uid::text, $2, '<' || uid || '@bench.example>', 'http', 'from@bench.example', 'from@bench.example', 'bench', 2, 'retry', length($5::text)
  from bench
), stored as (
  insert into mailfleet.contents (message_uid, bytes) select uid, convert_to($5, 'UTF8') from bench
), addressed as materialized (
  select uuidv7() as uid, s.uid as message_uid, 'r' || s.g || '.' || r || '@sink.example' as recipient, r
  from bench s cross join generate_series(1, $4::integer) as r
), written as (
  insert into mailfleet.deliveries (uid, tenant_id, message_uid, account_uid, recipient, position)
  select uid, $1, message_uid, $2, recipient, r from addressed
)
insert into mailfleet.ready (delivery_uid, message_uid, tenant_id, account_uid, key_id, priority, band)
select a.uid, a.message_uid, $1, $2, k.id, 2, 2
from addressed a join mailfleet.queue_keys k on k.account_uid = $2 and k.domain is null`;

export async function seed(db: Database, { tenantId, accountUid, deliveries, recipients = 1 }: Seed): Promise<void> {
  const messages = Math.ceil(deliveries / recipients);
  await db.query(seedSql, [tenantId, accountUid, messages, recipients, letter]);
}

/** Empties the outbox and leaves the database as after a quiet hour: analysed, with nothing left to write. */
export async function clearOutbox(db: Database): Promise<void> {
  await db.query(
    `truncate mailfleet.ready, mailfleet.later, mailfleet.inflight, mailfleet.held, mailfleet.dead_letters, mailfleet.tallies,
       mailfleet.attempts, mailfleet.deliveries, mailfleet.contents, mailfleet.messages, mailfleet.submission_keys`,
  );
}

/** Statistics and a checkpoint, so that the next measurement does not pay for the filling. */
export async function settle(db: Database): Promise<void> {
  await db.query("vacuum (analyze) mailfleet.ready, mailfleet.deliveries, mailfleet.messages, mailfleet.contents");
  await db.query("checkpoint");
}

/** What every row sends: 2 KiB of ASCII, header and body. */
export const letter = makeLetter(2_048);

function makeLetter(sizeBytes: number): string {
  const header = [
    "From: from@bench.example",
    "To: undisclosed-recipients:;",
    "Subject: bench",
    "Date: Thu, 01 Jan 2026 00:00:00 +0000",
    "Message-ID: <letter@bench.example>",
    "MIME-Version: 1.0",
    "Content-Type: text/plain; charset=us-ascii",
  ];
  const text = `${header.join("\r\n")}\r\n\r\n`;
  const line = `${"The quick brown fox jumps over the lazy dog. ".repeat(2).slice(0, 76)}\r\n`;
  return (
    text +
    line.repeat(Math.ceil((sizeBytes - text.length) / line.length)).slice(0, sizeBytes - text.length - 2) +
    "\r\n"
  );
}
