import { createHmac } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { readReport } from "./read-report.ts";
import type { Report } from "./report.ts";
import { deliveryOfReport } from "./traces.ts";

const folder = new URL("./testdata/", import.meta.url);
const sign = (text: string) => createHmac("sha256", "testdata").update(text).digest();
/** The corpus names this delivery, signed by this key. */
const uid = "01a20129-5cbb-7000-8000-000000000001";

/** One line per recipient, and what the report is found by. */
function summary(report: Report | undefined): readonly string[] {
  if (!report) return ["no report"];
  const lines =
    report.kind === "delivery_status"
      ? report.recipients.map(({ addresses, action, status, permanence }) =>
          [addresses.join("|"), action, status ?? "-", permanence ?? ""].join(" ").trimEnd(),
        )
      : "addresses" in report
        ? [...report.addresses]
        : [];
  const about =
    report.kind === "feedback"
      ? ` ${report.feedbackType}${report.isComplaint ? " complaint" : ""}`
      : report.kind === "disposition"
        ? ` ${report.disposition}`
        : "";
  const found = deliveryOfReport(report, [sign]) === uid ? ["signed"] : [];
  return [`${report.kind} ${report.format}${about}`, ...lines, report.messageIds.join(" "), ...found].filter(Boolean);
}

const corpus: Readonly<Record<string, readonly string[]>> = {
  "01-postfix-user-unknown": [
    "delivery_status dsn",
    "ann@example.net|Ann@example.net failed 5.1.1 hard",
    "<order-17@example.com>",
    "signed",
  ],
  "02-postfix-delayed": ["delivery_status dsn", "ann@example.net delayed 4.4.1", "<order-18@example.com>"],
  "03-rfc3464-two-recipients": [
    "delivery_status dsn",
    "louisl@example.net|louisl+2Blists@example.net|louisl+lists@example.net failed 4.0.0 soft",
    "kim@example.net relayed 2.1.9",
    '"a b"@example.net failed 5.2.1 hard',
    "<three@example.com>",
  ],
  "04-rfc6533-utf8": ["delivery_status dsn", "grün@bücher.example failed 5.1.1 hard", "<gruen@example.com>"],
  "05-office365-recipient-not-found": [
    "delivery_status dsn",
    "ann@example.net failed 5.1.10 hard",
    "<order-19@example.com>",
  ],
  "06-office365-access-denied": ["delivery_status dsn", "ann@example.net failed 5.4.1 soft", "<order-20@example.com>"],
  "07-gmail-address-not-found": ["delivery_status dsn", "ann@example.net failed 5.1.1 hard", "<order-21@example.com>"],
  "08-gmail-old-text": ["delivery_status gmail", "ann@example.net failed 5.2.2 soft", "<order-22@example.com>"],
  "09-exim-rcpt": [
    "delivery_status exim",
    "ann@example.net failed 5.1.1 hard",
    "bob@example.net failed 5.7.1 soft",
    "<order-23@example.com>",
    "signed",
  ],
  "10-exim-unrouteable": ["delivery_status dsn", "ann@no.example failed 5.0.0 hard", "<order-24@example.com>"],
  "11-exim-delay-warning": ["delivery_status exim", "ann@example.net delayed 4.3.0"],
  "12-qmail": [
    "delivery_status qmail",
    "ann@example.net failed 5.1.1 hard",
    "bob@example.org failed 5.1.1 hard",
    "carol@example.org failed 5.4.6 soft",
    "<order-25@example.com>",
    "signed",
  ],
  "13-sendmail-text": ["delivery_status sendmail", "ann@example.net failed 5.2.1 hard", "<order-26@example.com>"],
  "14-sendmail-dsn-five-days": ["delivery_status dsn", "ann@example.net failed 4.4.7 soft", "<order-27@example.com>"],
  "15-exchange-old-text": ["delivery_status exchange", "ann@example.net failed 5.1.1 hard"],
  "16-exchange-html-only": ["delivery_status exchange", "ann@example.net failed 5.2.2 soft", "<order-28@example.com>"],
  "17-yahoo-text": ["delivery_status yahoo", "ann@yahoo.com failed - hard", "<order-29@example.com>"],
  "18-yahoo-over-quota": ["delivery_status yahoo", "ann@example.net failed - soft", "<order-30@example.com>"],
  "19-amazon-ses": [
    "delivery_status dsn",
    "ann@example.net failed 5.1.1 hard",
    "<0100018b-aaaaaa@email.amazonses.com>",
    "signed",
  ],
  "20-plain-550-from-daemon": ["delivery_status text", "ann@example.net failed 5.1.1 hard", "signed"],
  "21-james-text": ["delivery_status james", "ann@example.net failed 5.1.2 hard", "<order-31@example.com>"],
  "22-success-dsn": ["delivery_status dsn", "ann@example.net delivered 2.0.0", "signed"],
  "23-arf-abuse": ["feedback arf abuse complaint", "ann@example.net", "<order-32@example.com>", "signed"],
  "24-arf-redacted": [
    "feedback arf abuse complaint",
    "3OhLLL4wSHsS6VBkzeB8vA==@example.net",
    "<order-33@example.com>",
    "signed",
  ],
  "25-arf-not-spam": ["feedback arf not-spam", "ann@example.net", "<order-34@example.com>"],
  "26-arf-auth-failure": ["feedback arf auth-failure", "ann@example.net", "<order-35@example.com>"],
  "27-jmrp": ["feedback jmrp abuse complaint", "ann@hotmail.com", "<order-36@example.com>", "signed"],
  "28-mdn-displayed": ["disposition mdn displayed", "ann@example.net", "<order-37@example.com>"],
  "29-vacation": ["auto_reply auto_reply", "<order-38@example.com>", "signed"],
  "30-person-forwards-a-bounce": ["no report"],
  "31-person": ["no report"],
  "32-unknown-language-from-daemon": ["delivery_status unknown", "signed"],
  "33-forwarded-alias": [
    "delivery_status dsn",
    "ann.private@example.org|ann@fwd.example.net failed 5.7.1 soft",
    "signed",
  ],
  "34-our-own-dsn-as-quoted-printable": [
    "delivery_status dsn",
    "ann@example.net failed 5.4.7 soft",
    "<order-39@example.com>",
    "signed",
  ],
  "35-exim-alias": [
    "delivery_status exim",
    "ann@example.net|team@example.org failed 5.1.1 hard",
    "<order-40@example.com>",
  ],
};

const files = readdirSync(folder).sort();

test("the corpus and what is expected of it name the same files", () => {
  expect(files.map((file) => file.replace(/\.eml$/, ""))).toEqual(Object.keys(corpus));
});

for (const [name, expected] of Object.entries(corpus)) {
  test(`${name} says: ${expected[0]}`, () => {
    const text = readFileSync(new URL(`${name}.eml`, folder), "utf8");
    for (const lines of [text, text.replaceAll("\n", "\r\n")]) {
      expect(summary(readReport(Buffer.from(lines)))).toEqual(expected);
    }
  });
}
