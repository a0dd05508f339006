import { expect, test } from "vitest";
import { permanence, quotedCodes } from "./permanence.ts";

/** What a report states as Status, what it quotes, what that means, and who says so. */
const judgements = [
  ["5.1.1", "550 5.1.1 user unknown", "hard", "RFC 3463 X.1.1"],
  ["5.1.2", undefined, "hard", "RFC 3463 X.1.2"],
  ["5.1.3", "553 5.1.3 bad address syntax", "hard", "RFC 3463 X.1.3"],
  ["5.1.6", undefined, "hard", "RFC 3463 X.1.6"],
  ["5.1.10", "556 5.1.10 null MX", "hard", "RFC 7505 section 4.2"],
  ["5.2.1", "550 5.2.1 account disabled", "hard", "RFC 3463 X.2.1"],
  ["5.7.17", undefined, "hard", "RFC 7293: the mailbox has another owner"],
  ["5.7.18", undefined, "hard", "RFC 7293: the domain has another owner"],
  ["5.1.4", undefined, "soft", "RFC 3463 X.1.4: ambiguous, so it may exist"],
  ["5.1.7", "553 5.1.7 bad sender address", "soft", "RFC 3463 X.1.7: about us"],
  ["5.1.8", "550 5.1.8 sender domain not found", "soft", "RFC 3463 X.1.8: about us"],
  ["5.2.2", "552 5.2.2 mailbox full", "soft", "RFC 3463 X.2.2: until somebody clears it"],
  ["5.2.3", undefined, "soft", "RFC 3463 X.2.3: this message is too long"],
  ["5.3.0", undefined, "soft", "RFC 3463 X.3: their system"],
  ["5.3.4", "552 5.3.4 too big", "soft", "RFC 3463 X.3.4: this message"],
  ["5.4.1", "550 5.4.1 Recipient address rejected: Access denied", "soft", "Exchange Online: also says no to us"],
  ["5.4.4", "host not found", "soft", "Postfix: names come back"],
  ["5.4.6", undefined, "soft", "RFC 3463 X.4.6: a loop on their side"],
  ["5.4.7", undefined, "soft", "RFC 3463 X.4.7: time ran out"],
  ["5.5.0", "550 5.5.0 Requested action not taken: mailbox unavailable", "soft", "RFC 5321: 550 is for policies too"],
  ["5.6.1", undefined, "soft", "RFC 3463 X.6: our content"],
  ["5.7.1", "550 5.7.1 blocked", "soft", "RFC 3463 X.7.1: a policy"],
  ["5.7.0", "554 5.7.0 user unknown to our reputation service", "soft", "a policy, whatever it says"],
  ["5.7.26", "550-5.7.26 unauthenticated", "soft", "RFC 7372: our authentication"],
  ["5.0.0", "550 5.1.1 user unknown", "hard", "Exim states no more than the class"],
  ["5.1.0", "550 No such user here", "hard", "the detail says nothing, the words do"],
  ["5.0.0", "Unrouteable address", "hard", "Exim"],
  [undefined, "Sorry, no mailbox here by that name. (#5.1.1)", "hard", "qmail"],
  [undefined, "This user doesn't have a yahoo.com account (ann@yahoo.com) [-5]", "hard", "Yahoo"],
  [undefined, "554 delivery error: dd This user doesn\u2019t have an example account", "hard", "Yahoo"],
  [undefined, "550 spam: user unknown rate too high", "soft", "a filter that quotes"],
  [undefined, "550 mailbox is full", "soft", "no code but 550"],
  [undefined, "551 not here, try <ann@example.org>", "hard", "RFC 5321 section 3.4"],
  [undefined, "556 no mail here", "hard", "RFC 7504"],
  [undefined, "521 no mail here", "hard", "RFC 7504"],
  [undefined, "550 no", "soft", "nothing says why"],
  [undefined, undefined, "soft", "nothing says anything"],
  ["4.4.7", "given up", "soft", "given up, not refused"],
  ["5.1.1", "450 4.7.1 greylisted", "soft", "the codes disagree"],
  ["5.1.1", "550 5.7.1 rejected by policy", "soft", "the codes disagree"],
  ["4.2.2", "550 5.1.1 user unknown", "soft", "the codes disagree"],
] as const;

for (const [status, diagnostic, expected, source] of judgements) {
  test(`${status ?? "no status"} with "${diagnostic ?? ""}" is ${expected} (${source})`, () => {
    expect(permanence(status, diagnostic)).toBe(expected);
  });
}

const quotes = [
  ["host mx[5.1.1.9] said: 550 5.7.1 no", { replyCode: 550, status: "5.7.1" }],
  ["550-5.1.1 The account", { replyCode: 550, status: "5.1.1" }],
  ["(#5.2.1)", { status: "5.2.1" }],
  ["<srv #5.1.1 smtp;550 5.1.1 RESOLVER>", { replyCode: 550, status: "5.1.1" }],
  ["at 192.0.2.550 in 2026, 5.1 or 5.1.1.1", {}],
  ["5.1.1.", { status: "5.1.1" }],
  ["", {}],
] as const;

for (const [text, expected] of quotes) {
  test(`"${text}" quotes ${JSON.stringify(expected)}`, () => expect(quotedCodes(text)).toEqual(expected));
}
