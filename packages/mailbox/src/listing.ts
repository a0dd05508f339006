import type { MailboxSettings } from "@mailfleet/mail";
import type { SearchObject } from "imapflow";
import { sizeLimits } from "./limits.ts";
import type { Answer, Line } from "./line.ts";

export type Filters = NonNullable<MailboxSettings["filters"]>;

/** Which messages the server shall look for; all of it must hold. */
export interface Criteria {
  /** Lowest UID. */
  readonly fromUid?: number;
  /** Highest UID. */
  readonly toUid?: number;
  readonly uids?: readonly number[];
  readonly unseen?: boolean;
  readonly filters?: Filters;
  /** By when it arrived. Servers look at the day only, in their own time zone: a day more on each side is asked for. */
  readonly since?: Date;
  readonly until?: Date;
  /** Only what is new or has changed since this mod-sequence (RFC 7162); for folders that have one. */
  readonly changedSince?: bigint;
}

const dayMs = 86_400_000;

/**
 * UIDs of the messages that match, ascending; each once. The server's answer is not trusted with the bounds: `n:*` also
 * names the last message where all are older (RFC 9051 section 6.4.8).
 */
export async function listUids(line: Line, criteria: Criteria): Promise<Answer<readonly number[]>> {
  if (criteria.uids === undefined) {
    // Dovecot calls 1:0 no set at all.
    const isEmpty = (criteria.toUid ?? Number.POSITIVE_INFINITY) < (criteria.fromUid ?? 1);
    return isEmpty ? { ok: true, value: [] } : searchOnce(line, criteria);
  }
  const found: number[] = [];
  for (const some of batchesOf(criteria.uids, sizeLimits.uidsPerCommand)) {
    const answer = await searchOnce(line, { ...criteria, uids: some });
    if (!answer.ok) return answer;
    found.push(...answer.value);
  }
  return { ok: true, value: found };
}

async function searchOnce(line: Line, criteria: Criteria): Promise<Answer<readonly number[]>> {
  const answer = await line.command("SEARCH", () => line.client.search(queryOf(criteria, new Date()), { uid: true }));
  if (!answer.ok) return answer;
  const { fromUid = 1, toUid = Number.POSITIVE_INFINITY } = criteria;
  const asked = criteria.uids && new Set(criteria.uids);
  const uids = [...(answer.value as number[])].filter(
    (uid) => uid >= fromUid && uid <= toUid && (asked === undefined || asked.has(uid)),
  );
  return { ok: true, value: uids.sort((a, b) => a - b) };
}

export function queryOf(
  { fromUid, toUid, uids, unseen, filters, since, until, changedSince }: Criteria,
  now: Date,
): SearchObject {
  const range = uids ? sequenceSet(uids) : `${fromUid ?? 1}:${toUid ?? "*"}`;
  return {
    uid: range,
    // What is marked for deletion is as good as gone.
    deleted: false,
    ...(unseen ? { seen: false } : {}),
    // The server means "this one or a higher one" (section 3.1.5).
    ...(changedSince === undefined ? {} : { modseq: changedSince + 1n }),
    ...(filters?.from ? { from: filters.from } : {}),
    ...(filters?.to ? { to: filters.to } : {}),
    ...(filters?.subject ? { subject: filters.subject } : {}),
    ...(filters?.body ? { body: filters.body } : {}),
    ...(since ? { since: new Date(since.getTime() - dayMs) } : {}),
    // A moment that lies ahead would be asked for as older than no time at all (RFC 5032), which nothing is.
    ...(until && until.getTime() + dayMs < now.getTime() ? { before: new Date(until.getTime() + dayMs) } : {}),
  };
}

/** The UID of the open folder's last message; 0 where it is empty. Not every server's UIDNEXT can be trusted. */
export async function highestUid(line: Line): Promise<Answer<number>> {
  const answer = await line.command("SEARCH", () => line.client.search({ uid: "*" }, { uid: true }));
  return answer.ok ? { ok: true, value: Math.max(0, ...(answer.value as number[])) } : answer;
}

/** UIDs of the open folder's messages with that Message-ID. Servers search for it as a substring. */
export function listByMessageId(line: Line, messageId: string): Promise<Answer<readonly number[]>> {
  return searchHeaders(line, { header: { "message-id": messageId } });
}

/** UIDs of the open folder's messages that answer the one with that Message-ID. */
export function listReplies(line: Line, messageId: string): Promise<Answer<readonly number[]>> {
  return searchHeaders(line, {
    or: [{ header: { "in-reply-to": messageId } }, { header: { references: messageId } }],
  });
}

async function searchHeaders(line: Line, query: SearchObject): Promise<Answer<readonly number[]>> {
  const answer = await line.command("SEARCH", () => line.client.search(query, { uid: true }));
  return answer.ok ? { ok: true, value: answer.value as number[] } : answer;
}

/** A sequence set (RFC 9051): runs are written as such. The UIDs must ascend. */
export function sequenceSet(uids: readonly number[]): string {
  const runs: string[] = [];
  for (let i = 0; i < uids.length; i++) {
    const first = uids[i] as number;
    while (i + 1 < uids.length && uids[i + 1] === (uids[i] as number) + 1) i++;
    const last = uids[i] as number;
    runs.push(first === last ? `${first}` : `${first}:${last}`);
  }
  return runs.join(",");
}

export function* batchesOf<T>(all: readonly T[], size: number): Generator<readonly T[]> {
  for (let i = 0; i < all.length; i += size) yield all.slice(i, i + size);
}
