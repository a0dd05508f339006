import { isDeepStrictEqual } from "node:util";
import type { MailboxSettings } from "@mailfleet/mail";
import type { Sql } from "./database.ts";

/** The folder that a mailbox answers; null where it answers none. INBOX is the same in any case (RFC 9051, section 5.1). */
export function placeOf({ role, host, port, auth, folder }: MailboxSettings): string | null {
  if (role !== "answer") return null;
  return JSON.stringify([host.toLowerCase(), port, auth.user, folder.toUpperCase() === "INBOX" ? "INBOX" : folder]);
}

/**
 * The tenant's other mailbox that answers what arrives in the same folder, if there is one: what a mailbox has seen is known
 * to itself alone, so each of the two would give an answer. Where both have filters, and others, the user has split the mail.
 * The caller's lock keeps others from being put.
 */
export async function mailboxAt(
  sql: Sql,
  { tenantId, id }: { readonly tenantId: string; readonly id: string },
  settings: MailboxSettings,
): Promise<string | undefined> {
  const place = placeOf(settings);
  if (place === null) return undefined;
  const others = await sql.query<{ id: string; filters: Filters | null }>(
    `select id, settings -> 'filters' as filters from mailfleet.mailboxes
     where tenant_id = $1 and place = $2 and id <> $3 order by id`,
    [tenantId, place, id],
  );
  return others.find(({ filters }) => !isSplit(settings.filters ?? {}, filters ?? {}))?.id;
}

type Filters = NonNullable<MailboxSettings["filters"]>;

const isSplit = (one: Filters, other: Filters): boolean =>
  Object.keys(one).length > 0 && Object.keys(other).length > 0 && !isDeepStrictEqual(one, other);
