import type { AnswerSettings, MailboxSettings, ParsedMessage } from "@mailfleet/mail";
import { describe, expect, test } from "vitest";
import { type InboundFacts, judgeInbound, ownAddressesOf } from "./judge-inbound.ts";
import { answerSettings, mailboxSettings } from "./testing/answer-rig.ts";

const now = new Date("2026-03-01T12:00:00Z");
const hoursAgo = (hours: number) => new Date(now.getTime() - hours * 3_600_000);

const message: ParsedMessage = {
  messageId: "<q1@peer.test>",
  inReplyTo: [],
  references: [],
  date: hoursAgo(1),
  from: [{ name: "Ann", address: "ann@peer.test" }],
  replyTo: [],
  to: [{ address: "help@acme.test" }],
  cc: [],
  subject: "Opening hours",
  fields: [{ name: "From", value: "Ann <ann@peer.test>" }],
  text: "When do you open?",
  attachments: [],
  cuts: [],
};
const facts = (
  changes: Partial<InboundFacts> = {},
  settings: Partial<MailboxSettings> = {},
  answer: Partial<AnswerSettings> = {},
): InboundFacts => ({
  settings: { ...mailboxSettings, ...settings, answer: { ...answerSettings, ...answer } },
  message,
  flags: [],
  arrivedAt: hoursAgo(1),
  now,
  isAskedFor: false,
  recipient: { ok: true, mailbox: { address: "ann@peer.test" } },
  limitReached: undefined,
  signers: [],
  ...changes,
});
const says = (...given: Parameters<typeof facts>) => judgeInbound(facts(...given))?.reason;
const withField = (name: string, value: string) => ({
  message: { ...message, fields: [...message.fields, { name, value }] },
});

test("an ordinary letter may be answered", () => {
  expect(judgeInbound(facts())).toBeUndefined();
});

describe("filters, as a server would search", () => {
  const rows: readonly [NonNullable<MailboxSettings["filters"]>, string | undefined][] = [
    [{ from: "ANN@" }, undefined],
    [{ from: "Ann <ann" }, undefined],
    [{ to: "help" }, undefined],
    [{ subject: "hours" }, undefined],
    [{ body: "is the server's to search" }, undefined],
    [{ from: "bob@" }, "filtered"],
    [{ to: "sales@" }, "filtered"],
    [{ subject: "prices" }, "filtered"],
    [{ from: "ann", subject: "prices" }, "filtered"],
  ];
  test.each(rows)("%j: %s", (filters, reason) => {
    expect(says({}, { filters })).toBe(reason);
  });
});

describe("lists of senders", () => {
  const rows: readonly [Partial<MailboxSettings>, string | undefined][] = [
    [{ allowedSenders: [] }, undefined],
    [{ allowedSenders: ["Ann@Peer.test"] }, undefined],
    [{ allowedSenders: ["@peer.test"] }, undefined],
    [{ allowedSenders: ["nn@peer.test"] }, "sender_not_allowed"],
    [{ allowedSenders: ["@er.test"] }, "sender_not_allowed"],
    [{ blockedSenders: ["@peer.test"] }, "sender_blocked"],
    [{ allowedSenders: ["@peer.test"], blockedSenders: ["ann@peer.test"] }, "sender_blocked"],
  ];
  test.each(rows)("%j: %s", (lists, reason) => {
    expect(says({}, lists)).toBe(reason);
  });

  test("whom the answer would go to is blocked, too", () => {
    const recipient = { ok: true, mailbox: { address: "ann@mail.peer.test" } } as const;
    expect(says({ recipient }, { blockedSenders: ["@mail.peer.test"] })).toBe("sender_blocked");
  });

  test("whom the answer would go to must be allowed, too", () => {
    const recipient = { ok: true, mailbox: { address: "eve@peer.test" } } as const;
    const rows = [
      [["ann@peer.test"], "sender_not_allowed"],
      [["eve@peer.test"], "sender_not_allowed"],
      [["ann@peer.test", "eve@peer.test"], undefined],
      [["@peer.test"], undefined],
    ] as const;
    for (const [allowedSenders, reason] of rows) expect(says({ recipient }, { allowedSenders })).toBe(reason);
  });

  test("every author must be allowed", () => {
    const two = { ...message, from: [...message.from, { address: "eve@else.test" }] };
    expect(says({ message: two }, { allowedSenders: ["@peer.test"] })).toBe("sender_not_allowed");
    expect(says({ message: { ...message, from: [] } }, { allowedSenders: ["@peer.test"] })).toBe("sender_not_allowed");
  });
});

describe("who was faster", () => {
  const rows: readonly [string, Partial<InboundFacts>, Partial<MailboxSettings>, string | undefined][] = [
    ["a person has answered", { flags: ["\\Answered"] }, {}, "already_answered"],
    ["a server writes flags its own way", { flags: ["\\ANSWERED"] }, { take: "all" }, "already_answered"],
    ["a person has answered what was approved", { flags: ["\\Answered"], isAskedFor: true }, {}, "already_answered"],
    ["a person has opened it", { flags: ["\\Seen"] }, {}, "already_seen"],
    ["all mail is taken", { flags: ["\\Seen"] }, { take: "all" }, undefined],
    ["who approves has opened it", { flags: ["\\Seen"], isAskedFor: true }, {}, undefined],
    ["a copy was answered", { limitReached: "already_answered" }, {}, "already_answered"],
  ];
  test.each(rows)("%s: %s", (_, changes, settings, reason) => {
    expect(says(changes, settings)).toBe(reason);
  });
});

test("what a person has opened and what a person has taken away are told apart", () => {
  const detailOf = (flags: readonly string[]) => judgeInbound(facts({ flags }))?.detail;
  expect(detailOf(["\\Seen"])).toBe("A person has opened it.");
  expect(detailOf(["\\Seen", "\\Deleted"])).toBe("A person has moved or deleted it.");
});

describe("age, by Date and by arrival, whichever is later", () => {
  const written = (hours: number) => ({ message: { ...message, date: hoursAgo(hours) } });
  const rows: readonly [string, Partial<InboundFacts>, string | undefined][] = [
    ["written and arrived long ago", { ...written(100), arrivedAt: hoursAgo(100) }, "too_old"],
    ["held up on its way", { ...written(100), arrivedAt: hoursAgo(1) }, undefined],
    ["copied from another server", { ...written(1), arrivedAt: hoursAgo(100) }, undefined],
    ["dated in the future, to stay young", { ...written(-72), arrivedAt: hoursAgo(100) }, "too_old"],
    ["begun anew by hand", { ...written(100), arrivedAt: hoursAgo(100), isAskedFor: true }, undefined],
  ];
  test.each(rows)("%s", (_, changes, reason) => {
    expect(says(changes)).toBe(reason);
  });
});

test("the order of reasons is the one that is promised", () => {
  const everything = {
    flags: ["\\Answered"],
    arrivedAt: hoursAgo(100),
    recipient: { ok: false, reason: "no_reply_address", detail: "" },
    limitReached: "hourly_cap",
    message: { ...message, date: hoursAgo(100), fields: [{ name: "Auto-Submitted", value: "auto-replied" }] },
  } as const;
  const met: (string | undefined)[] = [];
  const settings = { filters: { from: "bob@" }, blockedSenders: ["@peer.test"] };
  const answer = { requireAuthentication: true };
  const without: readonly (() => [Partial<InboundFacts>, Partial<MailboxSettings>, Partial<AnswerSettings>])[] = [
    () => [everything, settings, answer],
    () => [everything, { ...settings, filters: {} }, answer],
    () => [everything, {}, answer],
    () => [{ ...everything, flags: [] }, {}, answer],
    () => [{ ...everything, flags: [], isAskedFor: true }, {}, answer],
    () => [{ ...everything, flags: [], isAskedFor: true, message }, {}, answer],
    () => [{ limitReached: "hourly_cap" }, {}, answer],
    () => [{}, {}, answer],
    () => [{}, {}, {}],
  ];
  for (const given of without) met.push(says(...given()));
  expect(met).toEqual([
    "filtered",
    "sender_blocked",
    "already_answered",
    "too_old",
    "auto_submitted",
    "no_reply_address",
    "hourly_cap",
    "not_authenticated",
    undefined,
  ]);
});

test("an aligned pass by a server that the mailbox trusts is what a mailbox may require", () => {
  const settings = { authservIds: ["mx.acme.test"] };
  const answer = { requireAuthentication: true };
  const results = (text: string) => {
    const field = { name: "Authentication-Results", value: text };
    return { message: { ...message, fields: [field, ...message.fields] } };
  };
  expect(says(results("mx.acme.test; dmarc=pass header.from=peer.test"), settings, answer)).toBeUndefined();
  expect(says(results("mx.acme.test; dmarc=fail header.from=peer.test"), settings, answer)).toBe("not_authenticated");
  expect(says(results("mx.evil.test; dmarc=pass header.from=peer.test"), settings, answer)).toBe("not_authenticated");
});

test("a mailbox never answers its own user, the From of its answers, or what it calls its own", () => {
  const settings = { ...mailboxSettings, ownAddresses: ["office@acme.test"] };
  expect(ownAddressesOf({ ...settings, auth: { kind: "password", user: "shared" } })).toEqual([
    "shared",
    "help@acme.test",
    "office@acme.test",
  ]);
  expect(says(withField("X-Loop", "help@acme.test"))).toBe("loop");
});
