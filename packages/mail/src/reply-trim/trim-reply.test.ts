import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { trimLimits, trimReply } from "./trim-reply.ts";

const quote = "> Your parcel is late.\n> Sorry.";

/** Attributions, as the programs and languages write them. */
const attributions = [
  ["Gmail", "On Sun, Nov 22, 2026 at 10:00 AM Help <help@shop.example> wrote:"],
  ["Gmail, wrapped", "On Sun, Nov 22, 2026 at 10:00 AM Help Desk of the Shop\n<help@shop.example> wrote:"],
  [
    "Gmail, wrapped twice",
    "On Sun, Nov 22, 2026 at 10:00 AM A Very Long Name Indeed\n<help-with-a-long-name@shop.example>\nwrote:",
  ],
  ["Apple Mail", "On 22 Nov 2026, at 10:00, Help <help@shop.example> wrote:"],
  ["Thunderbird", "On 11/22/26 10:00, Help wrote:"],
  ["Yahoo", "On Sunday, November 22, 2026, 10:00:00 AM GMT+1, Help <help@shop.example> wrote:"],
  ["Evolution", "On Sun, 2026-11-22 at 10:00 +0100, Help wrote:"],
  ["a name first", "Help <help@shop.example> wrote:"],
  ["AOL", "In a message dated 11/22/2026 10:00:00 AM, help@shop.example writes:"],
  ["German, Gmail", "Am So., 22. Nov. 2026 um 10:00 Uhr schrieb Help <help@shop.example>:"],
  ["German, Apple", "Am 22.11.2026 um 10:00 schrieb Help <help@shop.example>:"],
  ["German, Thunderbird", "Am 22.11.26 um 10:00 schrieb Help:"],
  ["French", "Le dim. 22 nov. 2026 à 10:00, Help <help@shop.example> a écrit :"],
  ["Spanish", "El dom, 22 nov 2026 a las 10:00, Help (<help@shop.example>) escribió:"],
  ["Portuguese", "Em dom., 22 de nov. de 2026 às 10:00, Help <help@shop.example> escreveu:"],
  ["Italian", "Il giorno dom 22 nov 2026 alle ore 10:00 Help <help@shop.example> ha scritto:"],
  ["Dutch", "Op zo 22 nov 2026 om 10:00 schreef Help <help@shop.example>:"],
  ["Swedish", "Den sön 22 nov. 2026 kl 10:00 skrev Help <help@shop.example>:"],
  ["Danish", "Den søn. 22. nov. 2026 kl. 10.00 skrev Help <help@shop.example>:"],
  ["Polish", "niedz., 22 lis 2026 o 10:00 Help <help@shop.example> napisał(a):"],
  ["Polish, Outlook", "W dniu 22.11.2026 o 10:00, Help pisze:"],
  ["Czech", "ne 22. 11. 2026 v 10:00 odesílatel Help <help@shop.example> napsal:"],
  ["Russian", "вс, 22 нояб. 2026 г. в 10:00, Help <help@shop.example>:"],
  ["Russian, Mail.ru", "22.11.2026 10:00, Help пишет:"],
  ["Turkish", "Help <help@shop.example>, 22 Kas 2026 Paz, 10:00 tarihinde şunu yazdı:"],
  ["Hungarian", "Help <help@shop.example> ezt írta (időpont: 2026. nov. 22., V, 10:00):"],
  ["Japanese", "2026年11月22日(日) 10:00 Help <help@shop.example>:"],
  ["Chinese", "Help <help@shop.example> 于2026年11月22日周日 10:00写道："],
  ["old Gmail", "2026-11-22 10:00 GMT+01:00 Help <help@shop.example>:"],
] as const;

describe("an attribution and the lines that it marks are not the person's", () => {
  test.for(attributions)("%s", ([, attribution]) => {
    const trimmed = trimReply(`Thanks a lot!\n\nAnn\n\n${attribution}\n\n${quote}\n`);
    expect(trimmed.written).toBe("Thanks a lot!\n\nAnn");
    expect(trimmed.quoted).toBe(`${attribution}\n\n${quote}`);
  });

  test.for(attributions)("%s, right below what was written", ([, attribution]) => {
    expect(trimReply(`Thanks a lot!\n${attribution}\n${quote}`).written).toBe("Thanks a lot!");
  });

  test.for(attributions.filter(([, line]) => line.includes("@")))("%s, with no marked lines below it", ([, line]) => {
    expect(trimReply(`Thanks!\n\n${line}\n\nYour parcel is late.\n\nSorry.`).written).toBe("Thanks!");
  });
});

const outlook = (from: string, sent: string, to: string, subject: string) =>
  `${from} Help <help@shop.example>\n${sent} Sunday, 22 November 2026 10:00\n${to} Ann <ann@example.org>\n${subject} Your parcel\n\nIt is late.`;

/** What stands above everything that is quoted. */
const separators = [
  ["Outlook", outlook("From:", "Sent:", "To:", "Subject:")],
  ["Outlook, as bold text", outlook("*From:*", "*Sent:*", "*To:*", "*Subject:*")],
  ["Outlook on the web", `________________________________\n${outlook("From:", "Sent:", "To:", "Subject:")}`],
  ["Outlook, German", outlook("Von:", "Gesendet:", "An:", "Betreff:")],
  ["Outlook, French", outlook("De :", "Envoyé :", "À :", "Objet :")],
  ["Outlook, Spanish", outlook("De:", "Enviado el:", "Para:", "Asunto:")],
  ["Outlook, Italian", outlook("Da:", "Inviato:", "A:", "Oggetto:")],
  ["Outlook, Dutch", outlook("Van:", "Verzonden:", "Aan:", "Onderwerp:")],
  ["Outlook, Polish", outlook("Od:", "Wysłano:", "Do:", "Temat:")],
  ["Outlook, Russian", outlook("От:", "Отправлено:", "Кому:", "Тема:")],
  ["Outlook, Chinese", outlook("发件人：", "发送时间：", "收件人：", "主题：")],
  ["Outlook, Japanese", outlook("差出人:", "送信日時:", "宛先:", "件名:")],
  ["GMX", outlook("Gesendet:", "Von:", "An:", "Betreff:")],
  ["old Outlook", "-----Original Message-----\nFrom: Help\n\nIt is late."],
  ["old Outlook, German", "-----Ursprüngliche Nachricht-----\nVon: Help\n\nEs kommt."],
  ["old Outlook, French", "-----Message d’origine-----\nDe : Help\n\nEn retard."],
  ["Zimbra", "----- Original Message -----\nIt is late."],
  ["QQ", "------------------ 原始邮件 ------------------\nIt is late."],
  ["Gmail, forwarding", "---------- Forwarded message ---------\nFrom: Help <help@shop.example>\n\nIt is late."],
  ["Apple Mail, forwarding", "Begin forwarded message:\n\nFrom: Help <help@shop.example>\n\nIt is late."],
] as const;

describe("nothing below a separator is the person's", () => {
  test.for(separators)("%s", ([, rest]) => {
    expect(trimReply(`Thanks!\r\n\r\nAnn\r\n\r\n${rest.replaceAll("\n", "\r\n")}\r\n`)).toEqual({
      written: "Thanks!\n\nAnn",
      quoted: rest,
    });
  });
});

const signatures = [
  ["RFC 3676", "-- \nAnn Lee\nExample Ltd"],
  ["its space lost", "--\nAnn Lee\nExample Ltd"],
  ["iPhone", "Sent from my iPhone"],
  ["Outlook for iOS", "Get Outlook for iOS"],
  ["Proton Mail", "Sent with Proton Mail secure email."],
  ["iPhone, German", "Von meinem iPhone gesendet"],
  ["iPad, French", "Envoyé de mon iPad"],
  ["iPhone, Spanish", "Enviado desde mi iPhone"],
  ["iPhone, Dutch", "Verstuurd vanaf mijn iPhone"],
  ["iPhone, Japanese", "iPhoneから送信"],
  ["iPhone, Chinese", "发自我的iPhone"],
] as const;

describe("a signature is not what a person wrote", () => {
  test.for(signatures)("%s", ([, signature]) => {
    expect(trimReply(`Where is it?\n\n${signature}\n`)).toEqual({
      written: "Where is it?",
      quoted: signature.replace("-- \n", "--\n"),
    });
    expect(trimReply(`Where is it?\n\n${signature}\n\nOn 22 Nov 2026, at 10:00, Help wrote:\n${quote}`).written).toBe(
      "Where is it?",
    );
  });
});

describe("what a person wrote stays whole", () => {
  const kept = [
    ["nothing else", "Hello,\nwhere is it?\n\nAnn"],
    ["a list of dashes", "Two things:\n- one\n-- two\n--- three ---"],
    ["a clause that ends in a colon", "You wrote:\nthat it is late. Is it?"],
    ["an appointment", "On Sunday at 10:00 we meet:\nplease come"],
    ["From alone", "From: the station\nI walked to you."],
    ["a line of underscores", "Above\n____________________\nBelow"],
    ["a phrase of phones in the middle", "Sent from my iPhone\nis what it says, why?"],
    ["an arrow in a line", "a -> b > c"],
    ["a long text below two dashes", `Above\n--\n${"More.\n".repeat(60)}The end`],
  ] as const;
  test.for(kept)("%s", ([, text]) => {
    expect(trimReply(text)).toEqual({ written: text, quoted: "" });
  });

  test("between quoted lines, and below them", () => {
    const text = `Ann here.\n\nOn 22 Nov 2026, at 10:00, Help <h@shop.example> wrote:\n> Which colour?\nBlue.\n\n> Which size?\n\nLarge,\nplease.\n\n-- \nAnn`;
    expect(trimReply(text).written).toBe("Ann here.\n\nBlue.\n\nLarge,\nplease.");
  });

  test("below a separator that was itself quoted", () => {
    expect(trimReply("> -----Original Message-----\n> From: Help\n> It is late.\n\nHow late?").written).toBe(
      "How late?",
    );
  });

  test("below everything that is quoted", () => {
    expect(trimReply(`On 22 Nov 2026, at 10:00, Help <h@shop.example> wrote:\n${quote}\n\nThanks!`).written).toBe(
      "Thanks!",
    );
  });
});

test("a message that is only passed on has nothing written", () => {
  expect(trimReply("Begin forwarded message:\n\nFrom: x\nHello").written).toBe("");
  expect(trimReply("")).toEqual({ written: "", quoted: "" });
});

test("no line that is not empty is lost, and none is in both", () => {
  const line = fc.constantFrom(
    "",
    "> a",
    "b",
    "-- ",
    "--",
    "On 22 Nov 2026, at 10:00, Ann <a@b.c> wrote:",
    "From: x",
    "Sent: y",
    "To: z",
    "Subject: q",
    "Sent from my iPhone",
    "__________",
    "c:",
    "wrote:",
  );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 40 }), (lines) => {
      const { written, quoted } = trimReply(lines.join("\n"));
      const words = (text: string) =>
        text
          .split("\n")
          .map((l) => l.trim())
          .filter((l) => l !== "");
      expect([...words(written), ...words(quoted)].toSorted()).toEqual(words(lines.join("\n")).toSorted());
    }),
    { numRuns: 500 },
  );
});

test("any text is trimmed, in time that grows with its length alone", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => void trimReply(text)));
  const units = [
    "a",
    ">",
    "\n",
    " ",
    "-",
    "_",
    ":",
    "wrote:\n",
    "on ",
    "On 1:00 a@b\n",
    "From:\n",
    "From: a\nTo: b\n",
    "--\n",
    "Sent from my ",
    "- - ",
    "a@b ",
    "1",
    "：\n",
    "\n\n> ",
  ];
  for (const unit of units) {
    const text = unit.repeat(1_000_000 / unit.length);
    const started = performance.now();
    const { written, quoted } = trimReply(text);
    expect(performance.now() - started).toBeLessThan(2_000); // What is quadratic takes minutes.
    expect(written.length + quoted.length).toBeLessThanOrEqual(text.length + trimLimits.lines);
  }
});
