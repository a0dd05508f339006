import { createHmac } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { answerRecipient } from "./answer-recipient.ts";
import { type AnswerInput, composeAnswer } from "./compose-answer.ts";
import { judgeAutomatic } from "./loop-guard/judge-automatic.ts";
import { findField, readHeader } from "./message-header.ts";
import type { ParsedMessage } from "./parsed-message.ts";
import { quotationLimits, quoteHtml, quoteText } from "./quotation.ts";
import { written, writtenFrom } from "./testing/written.ts";

const signWith = (key: string) => (text: string) => createHmac("sha256", key).update(text).digest();
const message = written(
  [
    "From: Ann <ann@example.org>",
    "To: help@shop.example",
    "Subject: AW: Parcel",
    "Message-ID: <2@example.org>",
    "References: <1@x>",
  ],
  { text: "Where is it?\n> earlier\n\nAnn  \n", date: new Date("2026-11-22T10:00:00Z") },
);
const input: AnswerInput = {
  inboundUid: "01a20129-5cbb-7000-8000-000000000001",
  message,
  from: "Help <help@shop.example>",
  to: { name: "Ann", address: "ann@example.org" },
  text: "On its way.",
  quoteOriginal: true,
  date: new Date("2026-11-22T10:01:00Z"),
  loop: { fleet: "f1", mailbox: "support", depth: 1 },
  sign: signWith("ours"),
};

async function composed(changes: Partial<AnswerInput> = {}) {
  const answer = await composeAnswer({ ...input, ...changes });
  if (!answer.ok) throw new Error(`${answer.field}: ${answer.code}`);
  const header = readHeader(answer.bytes);
  if (!header.ok) throw new Error(header.code);
  return {
    ...answer,
    header,
    field: (name: string) => findField(header, name)?.value,
    text: Buffer.from(answer.bytes).toString(),
  };
}

test("an answer is addressed, threaded, marked and quoted", async () => {
  const { text, recipients } = await composed();
  expect(recipients).toEqual(["ann@example.org"]);
  const [head, body] = text.split("\r\n\r\n", 2);
  expect(
    head!
      .replace(/\r\n[ \t]+/g, " ")
      .replace(/s=[\w-]{22}/, "s=…")
      .split("\r\n")
      .toSorted(),
  ).toEqual([
    "Auto-Submitted: auto-replied",
    "Content-Transfer-Encoding: 7bit",
    "Content-Type: text/plain; charset=utf-8",
    "Date: Sun, 22 Nov 2026 10:01:00 +0000",
    "From: Help <help@shop.example>",
    "In-Reply-To: <2@example.org>",
    "MIME-Version: 1.0",
    "Message-ID: <answer-01a20129-5cbb-7000-8000-000000000001@shop.example>",
    "References: <1@x> <2@example.org>",
    "Subject: Re: Parcel",
    "To: Ann <ann@example.org>",
    "X-Auto-Response-Suppress: All",
    "X-Mailfleet-Loop: v=1; f=f1; m=support; d=1; s=…",
  ]);
  expect(body).toBe("On its way.");
  expect(text.slice(text.indexOf("On its way.")).split("\r\n")).toEqual([
    "On its way.",
    "",
    "On Sun, 22 Nov 2026 10:00:00 +0000, Ann <ann@example.org> wrote:",
    "> Where is it?",
    ">> earlier",
    ">",
    "> Ann",
    "",
  ]);
});

test("the same answer is the same bytes, and another message's is not", async () => {
  const { bytes } = await composed({ html: "<p>On its way.</p>" });
  expect((await composed({ html: "<p>On its way.</p>" })).bytes).toEqual(bytes);
  expect((await composed({ html: "<p>On its way.</p>", inboundUid: "other" })).bytes).not.toEqual(bytes);
});

test("a subject of its own is one line, and an empty one is the reply's", async () => {
  expect((await composed({ subject: "Your parcel\r\nBcc: eve@evil.example" })).field("Subject")).toBe(
    "Your parcel Bcc: eve@evil.example",
  );
  expect((await composed({ subject: " \n" })).field("Subject")).toBe("Re: Parcel");
});

test("HTML is quoted inside its body and escaped", async () => {
  const hostile = { ...message, text: '<img src=x onerror=alert(1)> & "so" on' };
  const { text } = await composed({ text: undefined, html: "<html><BODY>Yes.</BODY></html>", message: hostile });
  const body = text
    .slice(text.indexOf("\r\n\r\n") + 4)
    .replaceAll("=\r\n", "")
    .replaceAll("=3D", "=");
  expect(body).toMatch(/Yes\.\r\n<p>On .*Ann &lt;ann@example.org&gt; wrote:<\/p>\r\n<blockquote type="cite">/);
  expect(body).toContain("&lt;img src=x onerror=alert(1)&gt; &amp; &quot;so&quot; on");
  expect(body.trimEnd()).toMatch(/<\/blockquote>\r\n<\/BODY><\/html>$/);
  expect(text).not.toContain("<img");
});

test("without the original there is no quotation", async () => {
  const { text } = await composed({ quoteOriginal: false });
  expect(text).not.toMatch(/wrote:|^>/m);
});

test("an answer that says nothing, or comes from nobody, is refused", async () => {
  expect(await composeAnswer({ ...input, text: " \n" })).toMatchObject({ ok: false, code: "empty_answer" });
  expect(await composeAnswer({ ...input, from: "a@b.example, c@d.example" })).toMatchObject({
    ok: false,
    field: "from",
  });
});

describe("a quotation is bounded and keeps its lines apart", () => {
  const quoted = (text: string) =>
    quoteText({ ...message, text })
      .split("\n")
      .slice(1);

  test("no line ends in a space (RFC 3676 section 4.1), and a signature mark stays none of ours", () => {
    expect(quoted("a \r\nb\t\r-- \nAnn\u2028c")).toEqual(["> a", "> b", "> --", "> Ann", "> c"]);
  });

  test("long texts are cut, and say so", () => {
    expect(quoted("line\n".repeat(2_000))).toHaveLength(quotationLimits.lines + 1);
    expect(quoted("x".repeat(100_000)).at(-1)).toBe("> [...]");
    expect(quoteText({ ...message, text: "x".repeat(100_000) }).length).toBeLessThan(quotationLimits.length + 200);
  });

  test("nothing is quoted of nothing", () => {
    expect(quoteText({ ...message, text: " \r\n\n" })).toBe("");
    expect(quoteHtml({ ...message, text: "" })).toBe("");
  });
});

test("whatever a message holds, its answer goes to one recipient and has no field but ours", async () => {
  const hostile = fc.string({ unit: fc.constantFrom(...'a\r\n:<>@,;" =?é\u0000\u202e\ud800') });
  const names =
    /^(from|to|subject|message-id|date|in-reply-to|references|auto-submitted|x-mailfleet-loop|x-auto-response-suppress|mime-version|content-type|content-transfer-encoding)$/i;
  await fc.assert(
    fc.asyncProperty(hostile, hostile, hostile, hostile, async (subject, text, name, id) => {
      const strange: ParsedMessage = {
        ...message,
        subject,
        text,
        messageId: id,
        references: [id],
        from: [{ name, address: id }],
      };
      const answer = await composed({
        message: strange,
        to: { name, address: "ann@example.org" },
        subject,
        text: `x${text}`,
        html: `x${text}`,
      });
      expect(answer.recipients).toEqual(["ann@example.org"]);
      for (const field of answer.header.fields) expect(field.name).toMatch(names);
    }),
    { numRuns: 200 },
  );
});

describe("two fleets that are set to answer each other", () => {
  const mailboxes = ["help@shop.example", "info@store.example"] as const;
  const opening = (to: number) =>
    written([`From: ${mailboxes[1 - to]}`, `To: ${mailboxes[to]}`, "Subject: Hello", "Message-ID: <1@x>"]);

  /** How many answers follow when each fleet answers what its guard lets through, and `relay` carries them. */
  async function answersTo(first: ParsedMessage, to: number, relay: (message: ParsedMessage) => ParsedMessage) {
    let arrived = first;
    for (let count = 0; count < 10; count++) {
      const at = (to + count) % 2;
      const ownAddresses = [mailboxes[at]!];
      const signers = [signWith(`fleet ${at}`)];
      const recipient = answerRecipient(arrived, { ownAddresses });
      if (
        judgeAutomatic(arrived, { ownAddresses, recordsReturnPath: false, signers }).kind === "automatic" ||
        !recipient.ok
      )
        return count;
      const answer = await composed({
        message: arrived,
        from: mailboxes[at]!,
        to: recipient.mailbox,
        inboundUid: `${count}`,
        sign: signers[0]!,
      });
      arrived = relay(writtenFrom(answer.bytes));
    }
    return Number.POSITIVE_INFINITY;
  }

  const without =
    (...removed: readonly string[]) =>
    (arrived: ParsedMessage): ParsedMessage => ({
      ...arrived,
      fields: arrived.fields.filter(({ name }) => !removed.includes(name)),
    });

  test.for([
    ["as they are", []],
    ["through a relay that takes out Auto-Submitted", ["Auto-Submitted"]],
    ["through a relay that takes out every X- field", ["X-Mailfleet-Loop", "X-Auto-Response-Suppress"]],
    ["through a relay that leaves the loop header alone", ["Auto-Submitted", "X-Auto-Response-Suppress"]],
  ] as const)("exchange at most one answer each, %s", async ([, removed]) => {
    for (const to of [0, 1]) expect(await answersTo(opening(to), to, without(...removed))).toBe(1);
  });

  test("would go on for ever if nothing marked their answers", async () => {
    const bare = without("Auto-Submitted", "X-Mailfleet-Loop", "X-Auto-Response-Suppress");
    expect(await answersTo(opening(0), 0, bare)).toBe(Number.POSITIVE_INFINITY);
  });
});
