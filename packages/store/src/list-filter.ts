import { addressKey } from "@mailfleet/mail";
import type { Where } from "./where.ts";

/** What lists of messages and deliveries have in common. All conditions must hold. */
export interface MailFilter {
  /** Normalised by `parseAddress`. */
  readonly recipient?: string;
  /** An account's id. */
  readonly account?: string;
  readonly batch?: string;
  readonly tag?: string;
  /** Accepted at or after. */
  readonly after?: Date;
  /** Accepted before. */
  readonly before?: Date;
}

/** Ids carry the clock of the process that made them, which may be off; the database's time decides. */
const clockSlack = "interval '1 day'";

/** Narrows by what accepting has written: `m` is the message. */
export function filterMessages(where: Where, { batch, tag }: MailFilter): void {
  where.andIf("m.batch = ?", batch);
  where.andIf("? = any (m.tags)", tag);
}

/** Narrows by time: the ids first, since they choose the partitions. */
export function filterTimes(where: Where, uid: string, at: string, { after, before }: MailFilter): void {
  where.andIf(`${uid} >= mailfleet.uuid_floor(?::timestamptz - ${clockSlack})`, after);
  where.andIf(`${at} >= ?`, after);
  where.andIf(`${uid} < mailfleet.uuid_floor(?::timestamptz + ${clockSlack})`, before);
  where.andIf(`${at} < ?`, before);
}

export function filterRecipient(where: Where, { recipient }: MailFilter): void {
  // What is not spelled as it is compared has its comparison key beside it; each of the two has an index.
  const key = recipient === undefined ? undefined : addressKey(recipient);
  where.andIf("(d.recipient = ? or d.recipient_key = ?)", key, key);
}
