import { parseDuration } from "@mailfleet/mail";
import { z } from "zod";
import { type AnswerDecision, type AnswerFailure, answerLimits } from "./answerer.ts";

const { laterMs, noteLength, subjectLength, textLength, htmlLength } = answerLimits;

/** PostgreSQL stores neither NUL nor half of a surrogate pair; nobody needs the other control characters. */
const text = (length: number) =>
  z
    .string()
    .max(length)
    .refine((value) => !/[^\P{Cc}\t\r\n]|\p{Cs}/u.test(value), "must hold no control characters");
const note = text(noteLength).optional();
const subject = z
  .string()
  .max(subjectLength)
  .refine((line) => !/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u.test(line), "must be one line");
const body = (length: number) => text(length).refine((value) => value.trim() !== "", "must not be empty");
const after = z.string().refine((text) => {
  const duration = parseDuration(text);
  return duration.ok && duration.ms >= laterMs.min && duration.ms <= laterMs.max;
}, 'must be a duration from "1s" to "7d"');

/**
 * What a tenant's service may say. Unknown fields are refused: a `to` or a `headers` that had no effect would be found
 * out about too late.
 */
export const webhookReply = z.discriminatedUnion("action", [
  z
    .strictObject({
      action: z.literal("answer"),
      subject: subject.optional(),
      text: body(textLength).optional(),
      html: body(htmlLength).optional(),
    })
    .refine(({ text, html }) => text !== undefined || html !== undefined, "must have a text, or HTML, or both"),
  z.strictObject({ action: z.literal("decline"), reason: note }),
  z.strictObject({ action: z.literal("later"), after, reason: note }),
  z.strictObject({ action: z.literal("escalate"), note }),
]);

/** Reads the body of a 2xx that is no 204. */
export function readWebhookReply(bytes: Uint8Array): AnswerDecision {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return badReply("The response is not JSON in UTF-8.");
  }
  const parsed = webhookReply.safeParse(json);
  if (!parsed.success) {
    return badReply(
      parsed.error.issues.map(({ path, message }) => `${path.join(".") || "response"}: ${message}`).join("; "),
    );
  }
  const reply = parsed.data;
  switch (reply.action) {
    case "answer": {
      const { action: _, ...parts } = reply;
      return { kind: "answer", ...withoutUndefined(parts), answeredBy: "webhook" };
    }
    case "decline":
      return { kind: "decline", reason: reply.reason || "The webhook declined." };
    case "later": {
      const duration = parseDuration(reply.after);
      if (!duration.ok) return badReply(duration.detail);
      return { kind: "later", afterMs: duration.ms, ...withoutUndefined({ reason: reply.reason }) };
    }
    case "escalate":
      return { kind: "escalate", note: reply.note || "The webhook asks for a person." };
  }
}

// It says something about the service, not about the message: a service that is mended can answer the next try.
const badReply = (detail: string): AnswerFailure => ({
  kind: "failed",
  permanent: false,
  code: "webhook_bad_response",
  detail: detail.slice(0, answerLimits.detailLength),
});

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

const withoutUndefined = <T extends object>(value: T): Defined<T> =>
  Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as Defined<T>;
