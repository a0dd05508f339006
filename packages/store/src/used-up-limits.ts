import type { Accounts } from "./accounts.ts";
import type { Database } from "./database.ts";
import type { Acceptance, Acceptor, Submission } from "./submission.ts";

/**
 * Refuses mail of accounts that would rather hear of a used-up limit than wait for it (`limits.behavior: "reject"`).
 * What was accepted before is answered as before, whatever the limit says; scheduled mail is judged by its own time.
 * Accounts that defer, and those without limits, pay nothing for this.
 */
export function refuseAboveLimits(
  acceptor: Pick<Acceptor, "accept">,
  { db, accounts }: { readonly db: Database; readonly accounts: Pick<Accounts, "resolve"> },
): Pick<Acceptor, "accept"> {
  return {
    async accept(submission) {
      const account = await accounts.resolve(submission.tenantId, submission.account);
      if (account?.settings.limits?.behavior !== "reject") return acceptor.accept(submission);
      return (await refusal(db, account.uid, submission)) ?? acceptor.accept(submission);
    },
  };
}

/**
 * The windows are those of `mailfleet.take_token`: they count what was offered to the next hop. Mail that was accepted
 * before a window was used up waits, like any other.
 */
async function refusal(db: Database, accountUid: number, submission: Submission): Promise<Acceptance | undefined> {
  const { tenantId, origin, id, envelope, sendAt } = submission;
  const domains = envelope.recipients.map(({ address }) => address.slice(address.lastIndexOf("@") + 1));
  const [row] = await db.query<{ seconds: number | null }>(
    `select ceil(extract(epoch from max(w.until) - now()))::integer as seconds
     from mailfleet.queue_keys k
     cross join lateral (values
       (k.minute_start + interval '1 minute', k.minute_used >= k.per_minute),
       (k.hour_start + interval '1 hour', k.hour_used >= k.per_hour),
       (k.day_start + interval '1 day', k.day_used >= k.per_day)) w(until, is_used_up)
     where k.account_uid = $1 and (k.domain is null or k.domain = any ($2::text[]))
       and w.is_used_up and w.until > greatest(now(), $3::timestamptz)
       and not exists (select from mailfleet.submission_keys s where s.tenant_id = $4 and s.origin = $5 and s.id = $6)`,
    [accountUid, [...new Set(domains)], sendAt?.toISOString() ?? null, tenantId, origin, id ?? null],
  );
  if (row?.seconds == null) return undefined;
  return {
    kind: "refused",
    code: "rate_limited",
    detail: "A limit of the account is used up, and the account rejects what is above it.",
    retryAfterSeconds: Math.max(1, row.seconds),
  };
}
