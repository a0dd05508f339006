import { createHash } from "node:crypto";
import {
  fingerprintOf,
  fingerprintOfUnreadable,
  listedMessage,
  type MailboxSettings,
  newId,
  readHeader,
  type SkipReason,
} from "@mailfleet/mail";
import type { Found, HowFound } from "@mailfleet/mailbox";
import type { FoundMessage } from "@mailfleet/store";

/** What a mailbox's settings say of what is found in it. */
export interface TakingRules {
  readonly role: MailboxSettings["role"];
  readonly maxAgeMs: number;
  readonly startAt: Date;
  readonly maxContentBytes: number;
}

/** So far may a mail server's clock be behind the database's, by which mailboxes begin, before new mail counts as old. */
const mailClockToleranceMs = 300_000;

/** Larger content goes to the blob store, where there is one; as it does for what goes out. */
export const inlineBytes = 256 * 1024;

/** What it is recorded as, with its content where it is kept. */
export interface Recordable extends FoundMessage {
  readonly content?: Buffer;
}

/** Reads what is to be recorded of a message off its bytes. Pure, save for the new id. */
export function recordableOf(found: Found, rules: TakingRules, how: HowFound, now: Date): Recordable {
  const header = readHeader(found.bytes);
  const { date, ...listed } = listedMessage(header.ok ? header.fields : []);
  const reason = how.asSkipped ?? skipReasonOf(found, date, rules, how, now);
  const isKept = found.isWhole && (reason === undefined || reason === "role_notify");
  return {
    uid: newId(),
    fingerprint: fingerprintOfFound(found),
    ...listed,
    imapUid: found.uid,
    flags: found.flags,
    arrivedAt: found.arrivedAt,
    sizeBytes: found.isWhole ? found.bytes.length : found.sizeBytes,
    ...(isKept ? { content: found.bytes } : {}),
    ...(reason === undefined ? {} : { skip: { reason } }),
    ...(how.isAskedFor ? { isAskedFor: true } : {}),
  };
}

/** What tells the message from all others, wherever it lies. */
export function fingerprintOfFound({ bytes, isWhole, sizeBytes }: Found): Uint8Array {
  const header = readHeader(bytes);
  if (!header.ok) return fingerprintOfUnreadable(bytes, sizeBytes);
  const travelled = header.fields.some(({ name }) => name.toLowerCase() === "received");
  if (travelled || !isWhole) return fingerprintOf(header, { sizeBytes });
  const bodyDigest = createHash("sha256").update(bytes.subarray(header.bodyOffset)).digest();
  return fingerprintOf(header, { sizeBytes: bytes.length, bodyDigest });
}

/** Why it ends at once; undefined where an answer worker shall look at it. */
export function skipReasonOf(
  { arrivedAt, sizeBytes, isWhole }: Pick<Found, "arrivedAt" | "sizeBytes" | "isWhole">,
  date: Date | undefined,
  { role, maxAgeMs, startAt, maxContentBytes }: TakingRules,
  { isAskedFor = false, isSinceFirst = false }: HowFound,
  now: Date,
): SkipReason | undefined {
  if (role === "notify") return "role_notify";
  if (!isWhole) return sizeBytes > maxContentBytes ? "too_large" : "unreadable";
  // INTERNALDATE has whole seconds; it is asked for less where the UID says already that the message is new.
  const toleranceMs = isSinceFirst ? mailClockToleranceMs : 1_000;
  if (!isAskedFor && arrivedAt.getTime() < startAt.getTime() - toleranceMs) return "before_start";
  // A Date in the future says nothing; one in the past may be the time at which it was written, offline.
  const writtenMs = Math.min(date?.getTime() ?? 0, now.getTime());
  return Math.max(arrivedAt.getTime(), writtenMs) < now.getTime() - maxAgeMs ? "too_old" : undefined;
}
