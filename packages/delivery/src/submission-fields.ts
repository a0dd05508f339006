/**
 * The Mailfleet-* header fields, by which a message that is submitted over SMTP says what the API's fields say. They
 * are read and removed. One that is unknown, repeated or wrong refuses the message: a misspelt Mailfleet-Send-At that
 * is passed over would send too early.
 */
import { type Header, isId, type Priority, priorities } from "@mailfleet/mail";

export interface SubmissionFields {
  readonly id?: string;
  readonly priority: Priority;
  readonly inDoubt: "retry" | "hold";
  readonly sendAt?: Date;
  readonly expiresAt?: Date;
  readonly batch?: string;
  readonly tags?: readonly string[];
}

export type ReadSubmissionFields =
  | { readonly ok: true; readonly fields: SubmissionFields }
  /** `detail` begins with the field's name. */
  | { readonly ok: false; readonly detail: string };

export const submissionFieldLimits = { tags: 20, tagLength: 64, aheadMs: 366 * 86_400_000 } as const;

const prefix = "mailfleet-";

/** Whether a field is one of ours, and so must not leave the house. Takes a name in lower case. */
export const isSubmissionField = (name: string): boolean => name.startsWith(prefix);

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Reads them. `now` is what "too far ahead" is measured against. */
export function readSubmissionFields(header: Header, now: Date): ReadSubmissionFields {
  const found: Mutable<SubmissionFields> = { priority: "medium", inDoubt: "retry" };
  const seen = new Set<string>();
  for (const { name, value } of header.fields) {
    const lower = name.toLowerCase();
    if (!isSubmissionField(lower)) continue;
    if (seen.has(lower)) return { ok: false, detail: `${name}: given twice` };
    seen.add(lower);
    const problem = readOne(found, lower.slice(prefix.length), value, now);
    if (problem !== undefined) return { ok: false, detail: `${name}: ${problem}` };
  }
  if (found.sendAt && found.expiresAt && found.expiresAt <= found.sendAt) {
    return { ok: false, detail: "Mailfleet-Expires-At: not after Mailfleet-Send-At" };
  }
  return { ok: true, fields: found };
}

/** What is wrong with the value, or nothing. */
function readOne(found: Mutable<SubmissionFields>, name: string, value: string, now: Date): string | undefined {
  switch (name) {
    case "id":
    case "batch":
      if (!isId(value)) return "must be 1 to 128 letters, digits or . _ ~ -";
      found[name] = value;
      return undefined;
    case "priority": {
      const priority = priorities.find((one) => one === value.toLowerCase());
      if (!priority) return `must be one of ${priorities.join(", ")}`;
      found.priority = priority;
      return undefined;
    }
    case "in-doubt": {
      const lower = value.toLowerCase();
      if (lower !== "retry" && lower !== "hold") return "must be retry or hold";
      found.inDoubt = lower;
      return undefined;
    }
    case "send-at":
    case "expires-at": {
      const at = readInstant(value);
      if (!at) return "must be a time such as 2030-01-31T12:00:00Z";
      if (at.getTime() > now.getTime() + submissionFieldLimits.aheadMs) return "more than a year ahead";
      found[name === "send-at" ? "sendAt" : "expiresAt"] = at;
      return undefined;
    }
    case "tags": {
      const tags = [...new Set(value.split(",").map((tag) => tag.trim()))];
      if (tags.length > submissionFieldLimits.tags) return `at most ${submissionFieldLimits.tags} tags`;
      if (!tags.every(isTag)) return `a tag has 1 to ${submissionFieldLimits.tagLength} printable characters`;
      found.tags = tags;
      return undefined;
    }
    default:
      return "no such field";
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for.
const unprintable = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\ufffd]/;
const isTag = (tag: string): boolean =>
  tag !== "" && tag.length <= submissionFieldLimits.tagLength && !unprintable.test(tag);

const rfc3339 = /^(\d{4})-(\d{2})-(\d{2})T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/;

/** RFC 3339. Days that no month has are refused, which Date would carry over into the next. */
function readInstant(text: string): Date | undefined {
  const match = rfc3339.exec(text);
  if (!match) return undefined;
  const at = new Date(text);
  const daysInMonth = new Date(Date.UTC(Number(match[1]), Number(match[2]), 0)).getUTCDate();
  return Number.isNaN(at.getTime()) || Number(match[3]) > daysInMonth ? undefined : at;
}
