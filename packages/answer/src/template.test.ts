import type { TemplateSettings } from "@mailfleet/mail";
import { describe, expect, test } from "vitest";
import { checkTemplate, openTemplateAnswerer } from "./template.ts";
import { templateLimits } from "./template-variables.ts";
import { context, question } from "./testing/question.ts";

const answer = (settings: Omit<TemplateSettings, "kind">, changes?: Parameters<typeof question>[0]) =>
  openTemplateAnswerer({ kind: "template", ...settings }).answer(question(changes), context());

const problems = (settings: Omit<TemplateSettings, "kind">) =>
  checkTemplate({ kind: "template", ...settings }).map(({ field, code }) => `${field}: ${code}`);

describe("a template that could not answer is refused when it is stored", () => {
  for (const [text, code] of [
    ["{{ from.name", "template_syntax"],
    ["{% if from.name %}no end", "template_syntax"],
    ["{{ subject | shout }}", "template_syntax"],
    ["{{ subject | constructor }}", "template_syntax"],
    ["{{ subject | raw }}", "template_syntax"],
    ["{% include '/etc/passwd' %}", "template_syntax"],
    ["{% render 'x' %}", "template_syntax"],
    ["{% layout 'x' %}", "template_syntax"],
    ["{% if ".repeat(1_000), "template_syntax"],
    ["{% if true %}".repeat(600), "template_syntax"],
    ["{{ from.nmae }}", "template_unknown_variable"],
    ["{{ process.env }}", "template_unknown_variable"],
    ["{{ from.constructor }}", "template_unknown_variable"],
    ["{{ attachments[0].path }}", "template_unknown_variable"],
    ["{% for i in (1..99999999) %}{% endfor %}", "template_fails"],
    ["x".repeat(templateLimits.templateLength + 1), "template_too_long"],
    ["{{text}}".repeat(templateLimits.markupLength / 8 + 1), "template_too_long"],
    ["{{ ".repeat(20_000), "template_too_long"],
    ["", "template_missing"],
    [" \n", "template_missing"],
  ] as const) {
    test(`${text.slice(0, 40)}: ${code}`, () => {
      expect(problems({ text })).toEqual([`text: ${code}`]);
    });
  }

  test("all of it at once, each with its field, its place and its name", () => {
    const settings = { kind: "template", subject: "{{ a }} {{ b.c }}", text: "one\n{{ | }}", html: "fine" } as const;
    expect(checkTemplate(settings)).toEqual([
      { field: "subject", code: "template_unknown_variable", detail: "There is no variable a." },
      { field: "subject", code: "template_unknown_variable", detail: "There is no variable b.c." },
      { field: "text", code: "template_syntax", detail: expect.stringContaining("line:2") },
    ]);
  });

  test("and answers nothing where it was stored all the same", async () => {
    expect(await answer({ text: "{{ from.name" })).toMatchObject({ permanent: true, code: "template_wrong" });
  });
});

test("a template that is hard to check does not delay whoever stores another", () => {
  const padding = " ".repeat(templateLimits.templateLength - templateLimits.markupLength);
  for (const text of [
    padding + "{{to}}".repeat(templateLimits.markupLength / 6),
    `${padding}{{ ${"to[".repeat(2_000)}0${"]".repeat(2_000)} }}`,
    `${padding}{{ ${"to[".repeat(198)}0${"]".repeat(198)} }}`,
    `${padding}{% if to ${"or to ".repeat(1_300)} %}{% endif %}`,
    `${padding}${"{% assign a = to | where: 'x' %}".repeat(250)}`,

    `${padding}{{ subject${"|upcase".repeat(1_100)} }}`,
    "{".repeat(templateLimits.templateLength),
    `{ "json": "is not Liquid" }`.repeat(2_000),
  ]) {
    const startedAt = performance.now();
    problems({ text });
    expect(performance.now() - startedAt, text.trim().slice(0, 20)).toBeLessThan(2_000);
  }
});

test("braces that are not Liquid are just text", async () => {
  const html = `<style>${"p { margin: 0 }".repeat(1_000)}</style>Hello {{ from.name }}`;
  expect(problems({ html })).toEqual([]);
  expect(await answer({ html })).toHaveProperty("html", html.replace("{{ from.name }}", "Ann"));
});

test("every variable that is promised can be said", async () => {
  const text =
    "{{ from.name }} <{{ from.address }}> {{ to | join: ' ' }} {{ cc }} {{ subject }} {{ text }} {{ fullText | size }} " +
    "{{ date | date: '%Y-%m-%d %H:%M' }} {{ messageId }} {{ mailbox }} {{ attachments.size }}" +
    "{% for a in attachments %} {{ a.filename }} {{ a.contentType }} {{ a.sizeBytes }}{% endfor %}" +
    "{{ attachments.first.filename | prepend: ' ' }} {{ to[0] }}";
  expect(problems({ text })).toEqual([]);
  const attachment = {
    number: 0,
    filename: "a.png",
    contentType: "image/png",
    disposition: "inline",
    sizeBytes: 7,
  } as const;
  expect(await answer({ text }, { message: { attachments: [attachment] } })).toEqual({
    kind: "answer",
    answeredBy: "template",
    text:
      "Ann <ann@example.org> help@example.com  Opening hours When do you open? 35 2025-02-03 10:00 <q1@example.org> help 1" +
      " a.png image/png 7 a.png help@example.com",
  });
});

test("what a message lacks is empty, and the date is then when it came", async () => {
  const { messageId: _, ...message } = { ...question().message, from: [], date: new Date(Number.NaN) };
  const request = { ...question({ correspondent: { address: "ann@example.org" } }), message };
  const text = "[{{ from.name }}][{{ messageId }}][{{ attachments.first.filename }}] {{ date }}";
  const decision = await openTemplateAnswerer({ kind: "template", text }).answer(request, context());
  expect(decision).toMatchObject({ text: "[][][] 2025-02-03T10:00:05.000Z" });
});

test("what strangers write is escaped in HTML by every way of writing it, and only there", async () => {
  const evil = `<img src="x" onerror='y'>&`;
  const safe = "&lt;img src=&quot;x&quot; onerror=&#39;y&#39;&gt;&amp;";
  const ways =
    "{{ subject }}|{% echo subject %}|{% assign s = subject %}{{ s }}|{{ subject | append: '' }}|{% cycle subject %}" +
    "|{{ subject | newline_to_br }}|{% liquid\necho subject\n%}";
  const decision = await answer({ text: ways, html: ways }, { message: { subject: evil } });
  expect(decision).toHaveProperty("html", Array(7).fill(safe).join("|"));
  expect(decision).toHaveProperty("text", Array(7).fill(evil).join("|"));
});

test("lines stay lines in HTML", async () => {
  const decision = await answer({ html: "{{ text | newline_to_br }}" }, { written: "<one>\r\ntwo" });
  expect(decision).toHaveProperty("html", "&lt;one&gt;<br>\ntwo");
});

test("a subject is one line, and nothing in it ends the header", async () => {
  const subject = "hi\r\nBcc: eve@evil.example\u0000\ud800";
  const decision = await answer({ subject: "Re {{ subject }}", text: "x\u0000\ud800" }, { message: { subject } });
  expect(decision).toMatchObject({ subject: "Re hi Bcc: eve@evil.example\ufffd", text: "x\ufffd" });
});

test("a template that writes nothing has declined", async () => {
  const text = "{% if subject contains 'invoice' %}We pay on Fridays.{% endif %}\n";
  expect(await answer({ text })).toMatchObject({ kind: "decline" });
  expect(await answer({ text }, { message: { subject: "an invoice" } })).toMatchObject({ kind: "answer" });
});

describe("a stranger's message cannot make a template cost more than its limits", () => {
  const long = { written: "a,".repeat(500_000), message: { text: "<".repeat(1_000_000) } };
  for (const [name, text, code, permanent] of [
    [
      "time",
      "{% for i in (1..1000) %}{% for j in (1..1000) %}{% assign x = j %}{% endfor %}{% endfor %}",
      "template_failed",
      false,
    ],
    [
      "memory",
      "{% for c in text %}{{ fullText }}{% endfor %}{{ text | split: ',' | join: fullText }}",
      "template_failed",
      true,
    ],
    ["output", "{% for i in (1..10) %}{{ fullText }}{% endfor %}", "template_output_too_long", true],
  ] as const) {
    test(name, async () => {
      const startedAt = performance.now();
      expect(await answer({ text }, long)).toMatchObject({ kind: "failed", code, permanent });
      expect(performance.now() - startedAt).toBeLessThan(5_000);
    });
  }

  test("and none that is hard to strip of its markup delays the others", async () => {
    const message = { text: "<script".repeat(150_000) };
    const startedAt = performance.now();
    expect(await answer({ text: "{{ fullText | strip_html | truncate: 20 }}" }, { message })).toMatchObject({
      kind: "answer",
    });
    expect(performance.now() - startedAt).toBeLessThan(2_000);
  });
});

test("a try that was called off has no decision", async () => {
  const reason = new Error("drained");
  const asked = openTemplateAnswerer({ kind: "template", text: "x" }).answer(question(), {
    ...context(),
    signal: AbortSignal.abort(reason),
  });
  await expect(asked).rejects.toBe(reason);
});
