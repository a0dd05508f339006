import { createHmac } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { loopHeader } from "../loop-header.ts";
import type { ParsedAttachment, ParsedMessage } from "../parsed-message.ts";
import { isSkipReason } from "../skip-reasons.ts";
import { written } from "../testing/written.ts";
import { fieldRules } from "./automatic-fields.ts";
import { type GuardContext, judgeAutomatic } from "./judge-automatic.ts";

const signWith = (key: string) => (text: string) => createHmac("sha256", key).update(text).digest();
const context: GuardContext = {
  ownAddresses: ["help@shop.example"],
  recordsReturnPath: false,
  signers: [signWith("ours")],
};
const person = [
  "Received: from a.example by mx.shop.example; Sun, 22 Nov 2026 10:00:00 +0000",
  "From: Ann <ann@example.org>",
  "To: help@shop.example",
  "Message-ID: <1@example.org>",
];
const subject = "Subject: Where is my parcel?";
const verdict = (lines: readonly string[], rest: Partial<ParsedMessage> = {}, own: Partial<GuardContext> = {}) => {
  const base = lines.some((line) => /^subject:/i.test(line)) ? person : [...person, subject];
  const from = lines.some((line) => /^from:/i.test(line)) ? base.filter((line) => !line.startsWith("From:")) : base;
  const judgement = judgeAutomatic(written([...lines, ...from], rest), { ...context, ...own });
  if (judgement.kind === "automatic") {
    expect(isSkipReason(judgement.reason)).toBe(true);
    expect(judgement.detail).toMatch(/^[^\n]{3,300}$/);
  }
  return judgement.kind === "person" ? "person" : judgement.reason;
};
const part = (contentType: string, text?: string): ParsedAttachment => ({
  number: 0,
  contentType,
  disposition: "attachment",
  sizeBytes: 1,
  ...(text === undefined ? {} : { content: Buffer.from(text) }),
});

/** Header lines, the judgement, and who says so. */
const fieldTable = [
  ["", "person", "a plain message"],

  ["Auto-Submitted: auto-replied", "auto_submitted", "RFC 3834, 5"],
  ["AUTO-SUBMITTED: Auto-Generated", "auto_submitted", "RFC 3834, 5.1: names and values in any case"],
  ['Auto-Submitted: auto-replied; owner-email="ann@example.org"', "auto_submitted", "RFC 3834, 5: parameters"],
  ["Auto-Submitted: auto-replied (vacation)", "auto_submitted", "RFC 5230, 4.7"],
  ["Auto-Submitted: auto-notified; owner-email=x", "auto_submitted", "RFC 5436, 2.7.1"],
  ["Auto-Submitted:\r\n auto-generated", "auto_submitted", "RFC 5322, 2.2.3: folded"],
  ["Auto-Submitted: =?us-ascii?Q?auto-replied?=", "auto_submitted", "RFC 2047, although it has no place here"],
  [
    "Auto-Submitted: no\r\nAuto-Submitted: auto-replied",
    "auto_submitted",
    "a repeated field says what any of them says",
  ],
  ["Auto-Submitted: vacation", "auto_submitted", "RFC 3834, 5: anything but no"],
  ["Auto-Submitted: nope", "auto_submitted", "RFC 3834, 5: anything but no"],
  ["Auto-Submitted:", "auto_submitted", "RFC 3834, 5: anything but no"],
  ["Auto-Submitted: no", "person", "RFC 3834, 5"],
  ["Auto-Submitted: No (a comment)", "person", "RFC 3834, 5"],
  ["Auto-Submitted: no; x=y", "person", "RFC 3834, 5"],
  ["X-Auto-Submitted: auto-replied", "auto_submitted", "Domino"],

  ["Precedence: bulk", "precedence_bulk", "RFC 2076, 3.9"],
  ["Precedence: Junk", "precedence_bulk", "vacation(1)"],
  ["Precedence: list", "precedence_bulk", "Mailman"],
  ["Precedence: bulk (mass mail)", "precedence_bulk", "RFC 5322, 3.2.2: a comment"],
  ["X-Precedence: bulk", "precedence_bulk", "mailing tools"],
  ["Precedence: auto_reply", "auto_response", "Gmail's responder"],
  ["Precedence: first-class", "person", "RFC 2076, 3.9"],
  ["Precedence: special-delivery", "person", "sendmail"],

  ["List-Id: <dev.example.org>", "list_mail", "RFC 2919"],
  ["List-Unsubscribe: <mailto:x@example.org>", "list_mail", "RFC 2369"],
  ["List-Unsubscribe-Post: List-Unsubscribe=One-Click", "list_mail", "RFC 8058"],
  ["list-post: NO", "list_mail", "RFC 2369, 3.4"],
  ["List-Archive:", "list_mail", "RFC 2369"],
  ["Mailing-List: contact dev-help@example.org", "list_mail", "ezmlm"],
  ["X-BeenThere: dev@example.org", "list_mail", "Mailman"],
  ["X-Mailman-Version: 2.1", "list_mail", "Mailman"],
  ["X-Mailing-List: dev", "list_mail", "Majordomo"],
  ["Listing: a house", "person", "another name that begins alike"],

  ["X-Auto-Response-Suppress: All", "response_suppressed", "MS-OXCMAIL"],
  ["X-Auto-Response-Suppress: OOF", "response_suppressed", "MS-OXCMAIL"],
  ["X-Auto-Response-Suppress: DR, RN, NRN, OOF, AutoReply", "response_suppressed", "Exchange's own absence notes"],
  ["X-Auto-Response-Suppress: DR", "response_suppressed", "MS-OXCMAIL"],
  ["X-Auto-Response-Suppress: autoreply", "response_suppressed", "MS-OXCMAIL"],
  ["X-Auto-Response-Suppress: None", "person", "MS-OXCMAIL"],
  ["X-Auto-Response-Suppress: RN, NRN", "person", "MS-OXCMAIL: receipts only"],

  ["X-Autoreply: yes", "auto_response", "vpopmail, Confixx"],
  ["X-Autoreply: no", "person", "vpopmail, Confixx"],
  ["X-Autorespond: absent", "auto_response", "cPanel"],
  ["X-AutoReply-From: ann@example.org", "auto_response", "Plesk"],
  ["X-Mail-Autoreply: 1", "auto_response", "Plesk"],
  ["X-Autogenerated: Reply", "auto_response", "hosting panels"],
  ["X-FC-MachineGenerated: true", "auto_response", "FirstClass"],
  ["X-FC-MachineGenerated: false", "person", "FirstClass"],
  ["X-Amazon-Auto-Reply: true", "auto_response", "Amazon"],
  ["X-MS-Exchange-Generated-Message-Source: Mailbox Rules Agent", "auto_response", "Exchange"],
  ["X-MS-Exchange-Inbox-Rules-Loop: ann@example.org", "person", "Exchange: a person's message that a rule passed on"],
  ["X-Zarafa-Vacation: autorespond", "auto_response", "Zarafa"],
  ["X-POST-MessageClass: 9; Autoresponder", "auto_response", "iiNet"],
  ["Delivered-To: Autoresponder", "auto_response", "qmail's responders"],
  ["X-OTRS-Loop: yes", "auto_response", "OTRS"],
  ["X-RT-Loop-Prevention: example.org", "auto_response", "Request Tracker"],
  ["X-Cron-Env: <SHELL=/bin/sh>", "auto_response", "cron"],
  ["X-Mailer: vacation 1.2.7", "auto_response", "vacation(1)"],
  ["X-Mailer: Apple Mail (2.3774)", "person", "Apple Mail"],
  ["User-Agent: Mozilla Thunderbird", "person", "Thunderbird"],

  ["Feedback-ID: 1:2:3:x", "bulk_sender", "Gmail's feedback loop"],
  ["Feedback-ID: 17485103:user:proton", "person", "Proton, for every person's message"],
  ["Feedback-ID: i56a14606:Fastmail", "person", "Fastmail, for every person's message"],
  ["Feedback-ID: 1.eu-west-1.x:user:proton:AmazonSES", "bulk_sender", "Amazon SES"],
  ["X-Feedback-Id: x", "bulk_sender", "Mailgun"],
  ["CFBL-Address: fbl@example.org", "bulk_sender", "RFC 9477"],
  ["X-CSA-Complaints: csa@example.org", "bulk_sender", "Certified Senders Alliance"],
  ["X-Campaign: spring", "bulk_sender", "mailing tools"],
  ["X-CampaignID: 7", "bulk_sender", "mailing tools"],
  ["X-MC-User: 9", "bulk_sender", "Mailchimp"],
  ["X-EMarSys-Identify: 1", "bulk_sender", "Emarsys"],
  ["X-Facebook-Notify: comment", "bulk_sender", "Facebook"],
  ["X-GitHub-Reason: mention", "bulk_sender", "GitHub"],

  ["Return-Path: <>", "null_reverse_path", "RFC 3834, 2; RFC 5321, 4.5.5"],
  ["Return-Path: < > (nobody)", "null_reverse_path", "RFC 5322, 3.6.7"],
  ["Return-Path: <ann@example.org>", "person", "RFC 5321, 4.4"],
  ["Return-Path: <ann@example.org>\r\nReturn-Path: <>", "null_reverse_path", "RFC 3834, 2"],
  ["Return-Path: MAILER-DAEMON", "system_sender", "RFC 3834, 2"],
  ["Return-Path: <owner-dev@example.org>", "system_sender", "RFC 3834, 2"],
  ["Return-Path: <dev-bounces+help=shop.example@example.org>", "system_sender", "Mailman's VERP"],
  ["Return-Path: <dev-return-12-help=shop.example@example.org>", "system_sender", "ezmlm's VERP"],
  ["Return-Path: <bounces+12-ab-help=shop.example@em.example.org>", "system_sender", "mass mailers' VERP"],
  ["Return-Path: <SRS0=ab=cd=example.org=dev-bounces@fwd.example>", "system_sender", "SRS around a list's"],
  ["Return-Path: <prvs=12345abcde=ann@example.org>", "person", "BATV around a person's"],
  ["Return-Path: <www-data@forms.example>", "person", "a form on a web site"],
  ["Return-Path: <noreply@forms.example>", "person", "a form on a web site"],
  ["Sender: dev-bounces@example.org", "system_sender", "Mailman"],
  ["Sender: assistant@example.org", "person", "RFC 5322, 3.6.2"],

  ["Content-Type: multipart/report; report-type=delivery-status; boundary=x", "delivery_report", "RFC 3464, 2"],
  ['Content-Type: Multipart/Report; boundary="x"; Report-Type="Delivery-Status"', "delivery_report", "RFC 6522, 3"],
  ["Content-Type: multipart/report (x); report-type=feedback-report", "feedback_report", "RFC 5965, 2"],
  [
    "Content-Type: multipart/report;\r\n report-type=disposition-notification",
    "disposition_notification",
    "RFC 8098, 3",
  ],
  ["Content-Type: multipart/report; report-type=tlsrpt", "auto_response", "RFC 8460, 5.3"],
  ["Content-Type: multipart/report; boundary=x", "delivery_report", "RFC 6522, 3: it must have a type"],
  ["Content-Type: message/delivery-status", "delivery_report", "RFC 3464, 2.1"],
  ["Content-Type: message/feedback-report", "feedback_report", "RFC 5965, 2"],
  ["Content-Type: text/calendar; charset=utf-8; method=REPLY", "calendar_reply", "RFC 6047, 2.4"],
  ["Content-Type: text/calendar; method=REQUEST", "person", "RFC 6047: a person invites"],
  ["Content-Type: multipart/mixed; boundary=report-type=delivery-status", "person", "not a report"],
  ["Content-class: urn:content-classes:dsn", "delivery_report", "Exchange"],
  ["Content-class: urn:content-classes:mdn", "disposition_notification", "Exchange"],
  ["X-Failed-Recipients: x@example.org", "delivery_report", "Exim"],
  ["Content-Class: urn:content-classes:calendarmessage\r\nSubject: Zugesagt: Termin", "calendar_reply", "Exchange"],

  ["Subject: Automatic reply: Your order\r\nIn-Reply-To: <0@shop.example>", "auto_response", "Exchange"],
  ["Subject: Abwesenheitsnotiz: Ihre Bestellung\r\nReferences: <0@shop.example>", "auto_response", "Exchange, German"],
  [
    "Subject: R\u00c9PONSE AUTOMATIQUE : Commande\r\nIn-Reply-To: <0@shop.example>",
    "auto_response",
    "Exchange, French",
  ],
  ["Subject: 自動応答: 注文\r\nIn-Reply-To: <0@shop.example>", "auto_response", "Exchange, Japanese"],
  ["Subject: Out of Office\r\nX-MS-Exchange-Parent-Message-Id: <0@shop.example>", "auto_response", "Exchange"],
  ["Subject: Undeliverable: Your order\r\nIn-Reply-To: <0@shop.example>", "delivery_report", "Exchange"],
  ["Subject: Re: Automatic reply: Your order\r\nIn-Reply-To: <0@shop.example>", "person", "a person's reply to one"],
  ["Subject: Out of office settings do not work", "person", "a subject alone decides nothing"],
  ["Subject: Autoresponder question\r\nIn-Reply-To: <0@shop.example>", "person", "another beginning"],

  ["Delivered-To: help@shop.example", "person", "Postfix"],
  ["Delivered-To: help@shop.example\r\nDelivered-To: HELP@shop.example", "person", "two programs of one server"],
  ["Delivered-To: help@shop.example\r\n".repeat(3).trim(), "loop", "qmail; Postfix"],
  ["X-Loop: help@shop.example", "loop", "procmailex(5)"],
  ["X-Loop: lists@elsewhere.example", "person", "procmailex(5)"],
  [`${"Received: from a by b; now\r\n".repeat(100)}X-A: b`, "loop", "RFC 5321, 6.3"],
  [`${"Received: from a by b; now\r\n".repeat(99)}X-A: b`, "person", "RFC 5321, 6.3"],
] as const;

describe("a message is judged by its fields", () => {
  test.for(fieldTable)("%j is %s (%s)", ([lines, judged]) => {
    expect(verdict(lines === "" ? [] : [lines])).toBe(judged);
  });
});

test("every rule about fields is met by a row", () => {
  const fields = fieldTable.flatMap(([lines]) => written(lines === "" ? [] : [lines]).fields);
  const unmet = fieldRules.filter(
    ({ names, says }) =>
      !fields.some(
        ({ name, value }) =>
          names.some((rule) =>
            rule.endsWith("*") ? name.toLowerCase().startsWith(rule.slice(0, -1)) : rule === name.toLowerCase(),
          ) && says(value),
      ),
  );
  expect(unmet.map(({ names, source }) => `${names[0]} (${source})`)).toEqual([]);
});

/** Local parts of From, and who says so. */
const programs: readonly (readonly [string, string])[] = [
  ["MAILER-DAEMON", "RFC 3834, 2"],
  ["mailerdaemon", "Yahoo"],
  ["mail-daemon", "hosts"],
  ["postmaster", "RFC 2142, 5; vacation(1)"],
  ["owner-dev", "RFC 2142, 6; RFC 3834, 2"],
  ["dev-owner", "ezmlm, Mailman"],
  ["dev-request", "RFC 2142, 6; RFC 3834, 2"],
  ["dev-bounces", "Mailman"],
  ["bounce", "mass mailers"],
  ["bounces+12-ab", "mass mailers"],
  ["bounce-12_HTML", "mass mailers"],
  ["listserv", "LISTSERV"],
  ["majordomo", "Majordomo"],
  ["noreply", "everybody"],
  ["no-reply", "everybody"],
  ["No_Reply", "everybody"],
  ["no.reply+x", "everybody"],
  ["do-not-reply", "everybody"],
  ["donotreply", "everybody"],
  ["dont-reply", "everybody"],
  ["orders-noreply", "Amazon"],
  ["noreply-orders", "Google"],
  ["noreply2", "everybody"],
  ["ne-pas-repondre", "French"],
  ["nepasrepondre", "French"],
  ["nao-responda", "Portuguese"],
  ["no-responder", "Spanish"],
  ["keine-antwort", "German"],
  ["autoreply", "responders"],
  ["auto-confirm", "Amazon"],
  ["notifications", "GitHub"],
  ["alerts", "monitoring"],
  ["newsletter", "mailing tools"],
  ["root", "cron, logwatch"],
  ["daemon", "Unix"],
  ["nobody", "Unix"],
  ["cron", "cron"],
  ["www-data", "Debian"],
];

/** Local parts of people that look a little like a program's. */
const people = [
  "ann",
  "casino.reply",
  "reply",
  "arno.reply.smith",
  "requests",
  "owner",
  "bouncer",
  "bounceback-club",
  "rooter",
  "daemonica",
  "postmasters-cat",
  "alertina",
  "cronin",
  "returns",
  "norepl",
  "autorepair",
  "request",
  "pete.nobodysfool",
  "mailers-anonymous",
  "info",
  "support",
  "a.nonresponse",
  '"owner"',
];

describe("a message is judged by who wrote it", () => {
  test.for(programs)("%s is a program (%s)", ([local]) => {
    expect(verdict([`From: X <${local}@example.org>`])).toBe("system_sender");
    expect(verdict(["From: ann@example.org", `Reply-To: ${local}@example.org`])).toBe("system_sender");
  });

  test.for(people)("%s is a person", (local) => {
    expect(verdict([`From: X <${local}@example.org>`])).toBe("person");
  });

  test("what the name says is nobody's business", () => {
    expect(verdict(['From: "No-Reply" <ann@example.org>'])).toBe("person");
    expect(verdict(["From: ann@noreply.example.org"])).toBe("person");
  });

  test("ourselves are never answered, in any spelling", () => {
    expect(verdict(["From: Help <HELP@shop.example>"])).toBe("from_self");
    expect(verdict(["From: help+news@shop.example"])).toBe("from_self");
    expect(verdict(["From: ann@example.org, help@shop.example"])).toBe("from_self");
  });
});

test("a missing Return-Path is a null reverse-path only where the mailbox's server records it", () => {
  expect(verdict([], {}, { recordsReturnPath: true })).toBe("null_reverse_path");
  expect(verdict(["Return-Path: <ann@example.org>"], {}, { recordsReturnPath: true })).toBe("person");
  expect(verdict([])).toBe("person");
});

describe("a message is judged by its parts", () => {
  test.for([
    ["message/delivery-status", undefined, "delivery_report"],
    ["message/global-delivery-status", undefined, "delivery_report"],
    ["message/disposition-notification", undefined, "disposition_notification"],
    ["message/feedback-report", undefined, "feedback_report"],
    ["text/calendar", "BEGIN:VCALENDAR\r\nMETHOD:REPLY\r\n", "calendar_reply"],
    ["text/calendar", "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\n", "person"],
    ["application/ics", undefined, "person"],
    ["message/rfc822", undefined, "person"],
    ["image/png", "METHOD:REPLY\n", "person"],
  ] as const)("%s with %j is %s", ([type, text, judged]) => {
    expect(verdict([], { attachments: [part(type, text)] })).toBe(judged);
  });

  test("a calendar whose content is not at hand is judged by its subject", () => {
    const attachments = [part("text/calendar")];
    expect(verdict(["Subject: Accepted: Meeting"], { attachments })).toBe("calendar_reply");
    expect(verdict(["Subject: Meeting"], { attachments })).toBe("person");
    expect(verdict(["Subject: Accepted: your offer"])).toBe("person");
  });
});

describe("an answer of a Mailfleet is known as one", () => {
  const mark = { fleet: "f", mailbox: "m", depth: 1 };
  test.for(["ours", "another's"])("%s", (key) => {
    const { name, value } = loopHeader(mark, signWith(key));
    expect(verdict([`${name}: ${value}`])).toBe("loop");
  });
});

test("whatever a message holds, it is judged without an exception, and only ever as one or the other", () => {
  const name = fc.constantFrom(
    "Auto-Submitted",
    "Precedence",
    "Content-Type",
    "Return-Path",
    "From",
    "Sender",
    "X-Mailer",
    "X-Loop",
    "Delivered-To",
    "X-Mailfleet-Loop",
    "Content-Class",
  );
  const value = fc.string({ unit: fc.constantFrom(...'aé;="()<>\\@,? -.+') });
  fc.assert(
    fc.property(fc.array(fc.record({ name, value })), fc.string({ unit: "binary" }), (fields, text) => {
      const judgement = judgeAutomatic({ ...written([]), fields, subject: text, text }, context);
      expect(["person", "automatic"]).toContain(judgement.kind);
    }),
    { numRuns: 500 },
  );
});

test("hostile headers are judged in linear time", () => {
  for (const unit of ["(", '"', "=?a?q?", "<", "-", "bounces", "no-", ";", " ", "a,", "=?=?"]) {
    const value = unit.repeat(200_000 / unit.length);
    const fields = [
      "From",
      "Reply-To",
      "Return-Path",
      "Sender",
      "Auto-Submitted",
      "Content-Type",
      "Precedence",
      "X-Mailer",
      "X-Loop",
    ].map((name) => ({ name, value: name === "Auto-Submitted" ? `no ${value}` : value }));
    const started = performance.now();
    judgeAutomatic({ ...written([]), fields, subject: value }, context);
    expect(performance.now() - started).toBeLessThan(2_000); // A quadratic rule takes minutes.
  }
});
