import { isAscii } from "node:buffer";
import { addressKey, newId, priorityBands } from "@mailfleet/mail";
import type { Sql, Tx } from "./database.ts";
import type { Acceptance, Submission } from "./submission.ts";

/** A submission with the ids that it will have if it is new, and where its content lies. */
export interface PreparedSubmission {
  readonly submission: Submission;
  readonly uid: string;
  readonly deliveries: readonly { readonly uid: string; readonly recipient: string }[];
  /** Set where the content was written to the blob store before. */
  readonly blobKey?: string;
}

/** Gives a submission its ids. */
export function prepare(submission: Submission): PreparedSubmission {
  const deliveries = submission.envelope.recipients.map(({ address }) => ({ uid: newId(), recipient: address }));
  return { submission, uid: newId(), deliveries };
}

/**
 * Turns validated submissions into rows, in the caller's transaction: all doors end here. Resolves with one answer
 * for each, in their order; nothing counts before the caller's commit.
 */
export async function accept(sql: Sql, prepared: readonly PreparedSubmission[]): Promise<Acceptance[]> {
  const rows = await sql.query<AcceptRow>("select n, verdict, account_uid from mailfleet.accept($1, $2, $3)", [
    JSON.stringify(messageRows(prepared)),
    JSON.stringify(recipientRows(prepared)),
    inlineContent(prepared),
  ]);
  const byNumber = new Map(rows.map((row) => [row.n, row]));
  const answers = prepared.map((one, n) => answer(one, byNumber.get(n)));
  const seen = prepared.filter((_, n) => answers[n] === undefined);
  const earlier = seen.length > 0 ? await findEarlier(sql, seen) : new Map<PreparedSubmission, Acceptance>();
  return prepared.map((one, n) => {
    const found = answers[n] ?? earlier.get(one);
    if (!found) throw new Error("a submission key vanished between two statements; submit again");
    return found;
  });
}

/** Waits for submissions under way, and keeps others out until the transaction ends: whoever deletes what they refer to calls it first. */
export async function shutOutSubmissions(tx: Tx): Promise<void> {
  await tx.query("select pg_advisory_xact_lock(7114003)");
}

interface AcceptRow {
  n: number;
  verdict: "accepted" | "seen" | "no_account" | "account_not_found";
  account_uid: number | null;
}

function answer(one: PreparedSubmission, row: AcceptRow | undefined): Acceptance | undefined {
  const { submission, uid, deliveries } = one;
  switch (row?.verdict) {
    case "accepted":
      return {
        kind: "accepted",
        duplicate: false,
        uid,
        id: submission.id ?? uid,
        messageId: submission.messageId,
        accountUid: row.account_uid as number,
        deliveries,
      };
    case "no_account":
      return {
        kind: "refused",
        code: "no_account",
        detail: "No account was named, and the tenant has no default account.",
      };
    case "account_not_found":
      return { kind: "refused", code: "account_not_found", detail: `There is no account "${submission.account}".` };
    default:
      return undefined;
  }
}

function messageRows(prepared: readonly PreparedSubmission[]) {
  let contentAt = 0;
  return prepared.map(({ submission: s, uid, blobKey }, n) => {
    const row = {
      n,
      uid,
      tenant: s.tenantId,
      origin: s.origin,
      id: s.id,
      visible_id: s.id ?? uid,
      digest: Buffer.from(s.digest).toString("hex"),
      account: s.account,
      message_id: s.messageId,
      via: s.via,
      reverse_path: s.envelope.reversePath,
      header_from: s.headerFrom,
      subject: s.subject,
      priority: priorityBands[s.priority],
      in_doubt: s.inDoubt,
      batch: s.batch,
      tags: s.tags,
      metadata: s.metadata,
      smtp_utf8: s.envelope.smtpUtf8,
      eight_bit: !isAscii(s.content),
      ret: s.envelope.ret,
      envid: s.envelope.envid,
      size_bytes: s.content.byteLength,
      blob_key: blobKey,
      content_at: contentAt,
      send_at: s.sendAt?.toISOString(),
      expires_at: s.expiresAt?.toISOString(),
    };
    if (blobKey === undefined) contentAt += s.content.byteLength;
    return row;
  });
}

function recipientRows(prepared: readonly PreparedSubmission[]) {
  return prepared.flatMap(({ submission, deliveries }, n) =>
    submission.envelope.recipients.map(({ address, notify, orcpt }, position) => ({
      n,
      uid: deliveries[position]?.uid,
      recipient: address,
      recipient_key: keyUnlessSame(address),
      domain: address.slice(address.lastIndexOf("@") + 1),
      position,
      notify,
      orcpt,
    })),
  );
}

function keyUnlessSame(address: string): string | undefined {
  const key = addressKey(address);
  return key === address ? undefined : key;
}

/** All inline contents as one parameter, since a single bytea travels in binary and an array of them as hex text. */
function inlineContent(prepared: readonly PreparedSubmission[]): Buffer {
  return Buffer.concat(
    prepared.filter(({ blobKey }) => blobKey === undefined).map(({ submission }) => submission.content),
  );
}

/** The first results of ids that were seen before: same digest, same answer; another digest, a conflict. */
async function findEarlier(
  sql: Sql,
  seen: readonly PreparedSubmission[],
): Promise<Map<PreparedSubmission, Acceptance>> {
  const rows = await sql.query<EarlierRow>(
    `select i.n, encode(k.digest, 'hex') as digest, k.message_uid as uid, m.message_id, m.account_uid,
            (select json_agg(json_build_object('uid', d.uid, 'recipient', d.recipient) order by d.position)
             from mailfleet.deliveries d where d.message_uid = k.message_uid and d.resend_of is null) as deliveries
     from json_to_recordset($1) as i(n integer, tenant text, origin text, id text)
     join mailfleet.submission_keys k on k.tenant_id = i.tenant and k.origin = i.origin and k.id = i.id
     left join mailfleet.messages m on m.tenant_id = k.tenant_id and m.uid = k.message_uid`,
    [JSON.stringify(seen.map(({ submission: s }, n) => ({ n, tenant: s.tenantId, origin: s.origin, id: s.id })))],
  );
  const found = new Map<PreparedSubmission, Acceptance>();
  for (const row of rows) {
    const one = seen[row.n];
    if (one) found.set(one, earlierAnswer(one.submission, row));
  }
  return found;
}

interface EarlierRow {
  n: number;
  digest: string;
  uid: string;
  message_id: string | null;
  account_uid: number | null;
  deliveries: { uid: string; recipient: string }[] | null;
}

function earlierAnswer(submission: Submission, row: EarlierRow): Acceptance {
  const id = submission.id as string;
  if (row.digest !== Buffer.from(submission.digest).toString("hex")) {
    return { kind: "refused", code: "id_conflict", detail: `The id "${id}" was used for another message.` };
  }
  return {
    kind: "accepted",
    duplicate: true,
    uid: row.uid,
    id,
    messageId: row.message_id ?? submission.messageId,
    accountUid: row.account_uid ?? 0,
    deliveries: row.deliveries ?? [],
  };
}
