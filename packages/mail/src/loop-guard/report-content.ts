/** Content that only programs write: reports, receipts, and calendars' answers. Told from types, not from texts. */
import { fieldTextLimit, valuesOf, withoutComments } from "../field-text.ts";
import type { ParsedMessage } from "../parsed-message.ts";
import type { SkipReason } from "../skip-reasons.ts";

/** By the type of a part, or of the whole (RFC 3464, RFC 6533, RFC 8098, RFC 5965). */
const reportTypes: Readonly<Record<string, SkipReason>> = {
  "message/delivery-status": "delivery_report",
  "message/global-delivery-status": "delivery_report",
  "message/disposition-notification": "disposition_notification",
  "message/global-disposition-notification": "disposition_notification",
  "message/feedback-report": "feedback_report",
};

/** By the report-type of a multipart/report (RFC 6522). */
const reportKinds: Readonly<Record<string, SkipReason>> = {
  "delivery-status": "delivery_report",
  "disposition-notification": "disposition_notification",
  "feedback-report": "feedback_report",
};

/** What kind of report the message is, with what told so; undefined for mail that may be a person's. */
export function reportContent(message: ParsedMessage): { reason: SkipReason; detail: string } | undefined {
  for (const value of valuesOf(message.fields, "Content-Type")) {
    const { type, parameter } = contentType(value);
    const own = reportTypes[type];
    if (own) return { reason: own, detail: `The message is ${type}.` };
    if (type === "multipart/report") {
      const kind = parameter("report-type");
      // One without a type is a broken DSN; one of another type (such as RFC 8460's tlsrpt) is a program's all the same.
      const reason = kind === "" ? "delivery_report" : (reportKinds[kind] ?? "auto_response");
      return { reason, detail: `The message is multipart/report${kind && ` of type ${kind}`}.` };
    }
    if (type === "text/calendar" && parameter("method") === "reply") return calendarReply;
  }
  for (const { contentType } of message.attachments) {
    const reason = reportTypes[contentType];
    if (reason) return { reason, detail: `The message has a part that is ${contentType}.` };
  }
  return isCalendarReply(message) ? calendarReply : undefined;
}

const calendarReply = { reason: "calendar_reply", detail: "A calendar answers an invitation (METHOD:REPLY)." } as const;

/** How calendar programs begin the subject of an answer; only beside a calendar part is it evidence. */
const answersBegin =
  /^(accepted|declined|tentative(ly accepted)?|zugesagt|abgelehnt|mit vorbehalt|accepté|refusé|provisoire|aceptad[ao]|rechazad[ao]|provisional|accettat[ao]|rifiutat[ao]|geaccepteerd|geweigerd|aceite|recusado)\s?:/i;

function isCalendarReply({ attachments, subject, fields }: ParsedMessage): boolean {
  const calendars = attachments.filter(
    (part) => part.contentType === "text/calendar" || part.contentType === "application/ics",
  );
  const saysReply = calendars.some(
    ({ content }) =>
      content && /^METHOD:REPLY\s*$/im.test(Buffer.from(content.subarray(0, calendarBytes)).toString("latin1")),
  );
  const isCalendarMessage =
    calendars.length > 0 ||
    valuesOf(fields, "Content-Class").some((value) => /^urn:content-class(es)?:calendarmessage$/i.test(value.trim()));
  return saysReply || (isCalendarMessage && answersBegin.test(subject.slice(0, 100)));
}

const calendarBytes = 16_384;

/** The type in lower case without its parameters, and the parameters' values in lower case; empty where absent. */
function contentType(value: string): { type: string; parameter: (name: string) => string } {
  const text = value.slice(0, fieldTextLimit);
  const bare = withoutComments(text) ?? text;
  const [type = "", ...parameters] = bare.split(";").map((part) => part.trim().toLowerCase());
  return {
    type,
    parameter: (name) => {
      const found = parameters.find((part) => part.split("=")[0]!.trim().replace(/\*$/, "") === name);
      return found?.slice(found.indexOf("=") + 1).replace(/["\s]/g, "") ?? "";
    },
  };
}
