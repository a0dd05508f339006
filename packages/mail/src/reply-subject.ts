/** The subject of a reply (RFC 5322 section 3.6.5): `Re: ` once, whatever the mail programs on the way have put there. */
import { plainLine } from "./field-text.ts";
import { composeLimits } from "./message-fields.ts";

/** `Re:` as mail programs write it in their languages. Prefixes of forwarding (Fwd, WG, TR, …) stay: they say something. */
const prefixes = (
  "re|rép|aw|antw|antwort|sv|vs|vá|odp|r|rif|res|ynt|απ|σχετ|atb|bls|balas|" +
  "отв|ответ|на|回复|回覆|答复|答覆|返信|回信|답장|회신|ตอบ"
).split("|");

/** A prefix with its count, as some write it (`Re[2]:`, `AW(3):`, `Re^2:`), and either colon. */
const replyPrefix = new RegExp(
  `^(?:${prefixes.join("|")})\\s{0,3}(?:\\[\\d{1,4}\\]|\\(\\d{1,4}\\)|\\^\\d{1,4}|\\*\\d{1,4})?\\s{0,3}[:：]\\s{0,20}`,
  "iu",
);

/** The subject of an answer to a message of that (decoded) subject: one line, as long as a subject may be. */
export function replySubject(subject: string): string {
  const rest = withoutReplyPrefixes(subject);
  return rest === "" ? "Re:" : plainLine(`Re: ${rest}`, composeLimits.subjectLength);
}

/** The subject without what replies have put before it. */
export function withoutReplyPrefixes(subject: string): string {
  const line = plainLine(subject, composeLimits.subjectLength);
  let at = 0;
  for (let match = replyPrefix.exec(line); match; match = replyPrefix.exec(line.slice(at, at + longestPrefix))) {
    at += match[0].length;
  }
  return line.slice(at);
}

const longestPrefix = 60;
