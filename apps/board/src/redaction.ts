/**
 * What Bull Board may show of a job: ids, and nothing that could be an address or content.
 *
 * Jobs carry ids only, but what is shown must not depend on every producer's good manners. Bull Board's own formatters
 * leave out failure reasons, stacks, logs and options, so whole answers are gone over instead.
 */

/** Fields of payloads that are ids by the job catalogue. */
const idFields: ReadonlySet<string> = new Set(["accountUid", "lane", "queue", "jobId", "reason"]);
const idText = /^[A-Za-z0-9 .:,_~-]{0,200}$/;
const hidden = "[not shown]";

type Redact = (value: unknown) => unknown;

const idsOnly: Redact = (value) => {
  if (value === null || value === undefined || typeof value === "number" || typeof value === "boolean") return value;
  if (typeof value === "string") return idText.test(value) ? value : hidden;
  if (Array.isArray(value)) return value.map((entry) => (typeof entry === "number" ? entry : hidden));
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) =>
      idFields.has(name) && typeof field !== "object"
        ? [name, idsOnly(field)]
        : [idText.test(name) ? name : hidden, hidden],
    ),
  );
};

/** The class of an error, such as "TypeError"; its message stays in the log of the process that failed. */
const errorClass: Redact = (value) =>
  typeof value === "string" ? (/^[A-Za-z]{0,40}Error\b/.exec(value)?.[0] ?? hidden) : value;

const nothing: Redact = (value) => (Array.isArray(value) ? [] : undefined);

/** Numbers and switches; what is text or deeper could hold anything. */
const plainOptions: Redact = (value) =>
  typeof value === "object" && value !== null
    ? Object.fromEntries(Object.entries(value).filter(([, field]) => ["number", "boolean"].includes(typeof field)))
    : value;

const idOnly: Redact = (value) => (typeof value === "string" && !idText.test(value) ? hidden : value);

const rules: Readonly<Record<string, Redact>> = {
  id: idOnly,
  name: idOnly,
  groupId: idOnly,
  deduplicationId: idOnly,
  processedBy: idOnly,
  data: idsOnly,
  returnValue: idsOnly,
  progress: idsOnly,
  failedReason: errorClass,
  deferredFailure: errorClass,
  stacktrace: nothing,
  logs: nothing,
  opts: plainOptions,
  template: nothing,
};

/** How deep an answer of Bull Board's may be nested; what is deeper is left out. */
const maxDepth = 12;

/** An answer of Bull Board's API, with every field of a job that could tell more than ids redacted. */
export function redactAnswer(value: unknown, depth = 0): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (depth > maxDepth) return hidden;
  if (Array.isArray(value)) return value.map((entry) => redactAnswer(entry, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => {
      const rule = Object.hasOwn(rules, name) ? rules[name] : undefined;
      return [name, rule ? rule(field) : redactAnswer(field, depth + 1)];
    }),
  );
}
