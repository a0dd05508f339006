import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { asciiHost } from "./link-policy.ts";
import { cleanAnswer, cleanNote, outputLimits } from "./output-policy.ts";

const rules = { hosts: ["good.example", "shop.org", "bücher.de"], addresses: ["ann@home.net"] };
const clean = (text: string) => cleanAnswer(text, rules);

const kept = [
  ["an allowed link", "See https://good.example/a?b=c#d now.", "See https://good.example/a?b=c#d now."],
  ["a link at a sentence's end", "See https://good.example/a.", "See https://good.example/a."],
  ["a subdomain", "https://help.good.example/", "https://help.good.example/"],
  ["a bare domain, which programs link", "Visit shop.org today", "Visit https://shop.org/ today"],
  ["a bare domain with a path", "shop.org/sale?x=1!", "https://shop.org/sale?x=1!"],
  ["http", "http://shop.org/x", "http://shop.org/x"],
  ["upper case", "HTTPS://SHOP.ORG/X", "https://shop.org/X"],
  ["full width", "ｓｈｏｐ．ｏｒｇ", "https://shop.org/"],
  ["an international domain", "https://bücher.de/x", "https://xn--bcher-kva.de/x"],
  ["a Markdown link", "[our help](https://good.example/h)", "our help (https://good.example/h)"],
  ["a link in angle brackets", "<https://good.example/h>", "<https://good.example/h>"],
  ["an address at an allowed host", "Write to help@good.example!", "Write to help@good.example!"],
  ["such an address as a link", "mailto:help@good.example.", "help@good.example."],
  ["an address with dots and signs", "Ask max.miller-1_x@good.example", "Ask max.miller-1_x@good.example"],
  ["the correspondent's own address", "You are ann@home.net.", "You are ann@home.net."],
  ["file names", "Open file.txt and notes.docx", "Open file.txt and notes.docx"],
  [
    "numbers, times and abbreviations",
    "At 10:30, e.g. 3.14 or 1,000.50, v1.2.3",
    "At 10:30, e.g. 3.14 or 1,000.50, v1.2.3",
  ],
  ["a mention", "@ann and bob@work", "@ann and bob@work"],
  ["a language that needs joiners", "می\u200cخواهم", "می\u200cخواهم"],
  ["pictures made of several", "👩\u200d🚀 ❤\ufe0f", "👩\u200d🚀 ❤\ufe0f"],
  [
    "text without spaces around a link",
    "请看https://good.example/帮助。谢谢",
    "请看 https://good.example/%E5%B8%AE%E5%8A%A9%E3%80%82%E8%B0%A2%E8%B0%A2",
  ],
  ["paragraphs", "One\r\ntwo\r\n\r\n\r\n\r\nthree", "One\ntwo\n\nthree"],
] as const;

describe("what an answer may say comes through", () => {
  for (const [name, written, text] of kept) {
    test(name, () => {
      expect(clean(written).text).toBe(text);
    });
  }
});

const taken = [
  ["another host", "Go to https://evil.com/x now", "Go to […] now"],
  ["a host that ends alike", "https://notgood.example/ https://evilshop.org/", "[…] […]"],
  ["an allowed host as a subdomain of another", "https://good.example.evil.com/", "[…]"],
  ["a user name that looks like a host", "https://good.example@evil.com/", "[…]"],
  ["a user name and password", "https://good.example:443@evil.com/", "[…]"],
  ["any user name", "https://me@good.example/", "[…]"],
  ["a port", "https://good.example:8443/", "[…]"],
  ["a backslash", "https://good.example\\@evil.com/ https:\\\\evil.com", "[…] […]"],
  ["one slash", "https:/evil.com", "https:/[…]"],
  ["no slash", "https:evil.com", "https:[…]"],
  ["two slashes only", "//evil.com/x", "//[…]"],
  ["a bare domain", "Go to evil.com.", "Go to […]."],
  ["a bare domain with a path", "evil.com/path?x=shop.org", "[…]"],
  ["a bare domain before an allowed link", "evil.com/path?x=https://good.example/", "[…]https://good.example/"],
  ["www and no known domain", "www.evil.internal", "[…]"],
  ["a host of numbers", "http://2130706433/ http://0x7f.1/ 192.168.0.1 [::1]", "[…] […] […] [::1]"],
  ["an address of IPv6", "http://[::1]/", "[…][::1]/"],
  ["Cyrillic letters that look Latin", "https://gооd.example/ gооgle.com", "[…] […]"],
  ["punycode", "https://xn--ggle-55da.com/ xn--ggle-55da.com", "[…] […]"],
  ["a domain of another script", "почта.рф 例子.中国", "[…] […]"],
  ["full width", "ｅｖｉｌ．ｃｏｍ", "[…]"],
  ["letters of mathematics and in circles", "𝐞𝐯𝐢𝐥.𝐜𝐨𝐦 ⓔⓥⓘⓛ.ⓒⓞⓜ", "[…] […]"],
  ["dots of other scripts", "evil。com evil․com", "[…] […]"],
  ["pictures as letters", "i❤.ws", "[…]"],
  ["a host glued to an allowed link", "https://good.example😀.evil.ws", "[…]"],
  ["a picture glued to a domain", "😀。com😀", "[…]"],
  ["a host that ends in a dot", "https://good.example./", "[…]"],
  [
    "a host at the end of a link that begins in a word",
    "$https://good.example/,evil.com",
    "$ https://good.example/%2Cevil.com",
  ],
  ["a host behind two question marks", "https://good.example/??evil.com", "https://good.example/?%3Fevil.com"],
  ["a host behind two dots", "https://good.example/a..=evil.com", "https://good.example/a.%2E=evil.com"],
  [
    "letters of another script behind a domain of one",
    "почта.comé1.x почта.рф\u0301 почта.com\u0301a почта.comé@",
    "[…] […] […] […]",
  ],
  ["letters glued to an allowed host", "https://good.exampleé.com", "[…]"],
  ["a host among letters of a script without spaces", "请访问evil.com查看", "请访问[…]查看"],
  ["what nobody sees in a host", "ev\u200bil.c\u00adom ev\u2060il.com", "[…] […]"],
  ["an escape in a host", "https://%65vil.com/ %65vil.com", "[…] %[…]"],
  ["a scheme nobody asked for", "ftp://good.example/x myapp://open hxxp://evil.com", "[…] […] […]"],
  ["javascript", "javascript:alert(1)", "[…](1)"],
  ["javascript in a Markdown link", "[x](javascript:alert)", "x ([…])"],
  ["javascript behind a sign", "=javascript:alert", "=[…]"],
  ["data", "data:text/html,hello", "[…]"],
  ["a phone link", "tel:+1900555", "[…]"],
  ["an address elsewhere", "Write to mallory@evil.com", "Write to […]"],
  ["such an address as a link", "mailto:mallory@evil.com", "[…]"],
  ["a link that fills in a message", "mailto:help@good.example?bcc=mallory@evil.com", "[…]"],
  ["a host inside mailto", "mailto:shop.org", "[…]"],
  ["a link inside mailto", "mailto:https://evil.internal/", "[…]"],
  ["an address that hides a host", "evil.com@x good.example@evil.com", "[…] […]"],
  ["an address glued to an allowed one", "Write to x@evil.com@good.example", "Write to […]"],
  ["an address glued to an allowed one, as a link", "mailto:x@evil.com@good.example", "[…]"],
  ["a host before an allowed host", "evil.com@good.example ,evil.com@good.example", "[…] ,[…]"],
  ["a host behind a bracket", "[evil.com@good.example (x-evil.com@good.example)", "[[…] ([…])"],
  ["a host behind a plus sign", "x+evil.com@good.example evil.com+x@good.example", "x+[…] […]+x@good.example"],
  ["a host that ends in a dot before an @", "evil.com.@good.example x.@good.example", "[…] […]"],
  ["a host with more behind it", "evil.com-x@good.example evil.com_x@good.example", "[…] […]"],
  ["an address behind an allowed host", "good.example/@evil.com&evil.com", "https://good.example/@evil.com&evil.com"],
  ["two addresses glued", "good.example&evil.com;evil.com", "https://good.example/ &[…];[…]"],
  ["a forwarding link", "https://good.example/?to=https://evil.com", "[…]"],
  ["a forwarding link in escapes", "https://good.example/?to=https%253A%252F%252Fevil.com", "[…]"],
  ["a Markdown link elsewhere", "[https://good.example](https://evil.com)", "https://good.example/ ([…])"],
  ["a Markdown link whose words are a host", "[bank.com](https://good.example/x)", "[…] (https://good.example/x)"],
  ["a Markdown reference", "[x][1]\n\n[1]: https://evil.com", "[x][1]\n\n[1]: […]"],
  ["a Markdown picture", "![x](https://evil.com/p.png)", "x […]"],
  ["a Markdown picture of an allowed host", "![](https://good.example/p.png) ok", "[…] ok"],
  ["an HTML link", '<a href="https://evil.com">x</a>', '<a href="[…]">x</a>'],
  ["an HTML picture", "<img src=https://evil.com/p.png>", "<img src=[…]>"],
  ["direction overrides", "\u202emoc.live\u202c \u2066x\u2069", "[…] x"],
  ["control characters", "a\u0000b\u001b[31mc\u0007", "ab[31mc"],
  ["invisible tags", "a\u{e0041}\u{e0042}b", "ab"],
  ["a file in uuencode", "begin 644 evil.exe\nM1234", " begin 644 evil.exe\nM1234"],
] as const;

describe("what an answer must not say is taken out, and leaves a mark", () => {
  for (const [name, written, text] of taken) {
    test(name, () => {
      expect(clean(`Hi\n\n${written}`).text).toBe(`Hi\n\n${text}`);
    });
  }
});

/** Pieces that together make most tricks, in any order. */
const pieces = [
  ..."/ : . @ \\ ( ) [ ] < > ! ? # & = , ; - _ % ' \"".split(" "),
  ..." |\n|\t|\u200b|\u202e|\u00ad|\ufe0f|\u3002|。|．|…|😀|é|а".split("|"),
  ..."https:// http:// // javascript: mailto: data: www. %2f %40 begin x".split(" "),
  ..."evil.com evil.ws evil good.example @good.example shop.org example com org рф почта.рф ![x]( [x]( <a <img".split(
    " ",
  ),
];

/** What a careless mail program makes links of: judged by other means than ours. */
const linkable =
  /(?:[a-z][a-z0-9+.-]*:\/\/)?(?:[^\s@/<>"'()[\]]*@)?((?:[\p{L}\p{N}\p{So}][\p{L}\p{N}\p{So}-]*[.\u3002\uff0e])+[\p{L}\p{N}-]+)/giu;
const existing = /[.](com|ws|org|рф|xn--p1ai)$/;
const isAllowed = (host: string) => /(^|\.)(good\.example|shop\.org)$/.test(host);

test("however the pieces are put together, nothing that programs link leads elsewhere, and nothing is left to take out", () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 14 }), (parts) => {
      const { text, html } = clean(parts.join(""));
      for (const [, found = ""] of text
        .replace(/https?:\/\/(?:[a-z0-9_-]+\.)*(?:good\.example|shop\.org)\/\S*/g, " ")
        .matchAll(linkable)) {
        const host = asciiHost(found);
        expect(!existing.test(host) || isAllowed(host), `${found} in ${JSON.stringify(text)}`).toBe(true);
      }
      for (const [url] of text.matchAll(/[a-z][a-z0-9+.-]*:\/\/[^\s<>"]*/gi))
        expect(isAllowed(new URL(url).hostname)).toBe(true);
      for (const [, href = ""] of html.matchAll(/href="([^"]*)"/g))
        expect(isAllowed(new URL(href).hostname)).toBe(true);
      expect(
        html.replace(/<p dir="auto">|<\/p>|<br>|<a href="https?:[^"<>]*" rel="noopener noreferrer">|<\/a>/g, ""),
      ).not.toMatch(/[<>"']/);
      const again = clean(text).removed;
      expect(again.links + again.addresses + again.characters).toBe(0);
    }),
    { numRuns: 5_000 },
  );
});

describe("the HTML is ours", () => {
  test("text is escaped, links are written out, paragraphs and lines are kept", () => {
    expect(clean(`<b onclick="x">Hi</b> & 'you'\nsee shop.org/a?b=1&c=2\n\nBye`).html).toBe(
      '<p dir="auto">&lt;b onclick=&quot;x&quot;&gt;Hi&lt;/b&gt; &amp; &#39;you&#39;<br>\nsee ' +
        '<a href="https://shop.org/a?b=1&amp;c=2" rel="noopener noreferrer">https://shop.org/a?b=1&amp;c=2</a></p>\n<p dir="auto">Bye</p>',
    );
  });

  test("what looks like a header, a recipient or an attachment is words", () => {
    const written = "Subject: x\nBcc: y\nContent-Disposition: attachment\n\n.\nMAIL FROM:<>";
    const { text, html } = clean(written);
    expect(text).toBe(written);
    expect(html).toContain("Bcc: y<br>");
    expect(Object.keys(clean(written)).sort()).toEqual(["html", "removed", "text"]);
  });
});

describe("an answer is bounded", () => {
  test("its length, without half a character", () => {
    const { text, removed } = clean("😀".repeat(outputLimits.textLength));
    expect(text.length).toBeLessThanOrEqual(outputLimits.textLength);
    expect(text.isWellFormed()).toBe(true);
    expect(removed.cut).toBe(true);
  });

  test("its links", () => {
    const { removed, text } = clean("shop.org/x ".repeat(outputLimits.links + 5));
    expect(removed.links).toBe(5);
    expect(text.match(/https/g)).toHaveLength(outputLimits.links);
  });

  const long = [
    "a",
    ".",
    "a.",
    "@",
    "a@",
    ".-",
    ":",
    "://",
    "a://",
    "javascript:",
    "[",
    "[x](",
    "![",
    "\n",
    " \n",
    "。",
    "é",
    "é.",
    "😀",
    "\u200d",
    "*",
  ];
  for (const piece of long) {
    test(`and the time it takes, for ${JSON.stringify(piece)} without end`, () => {
      const start = performance.now();
      clean(`${piece.repeat(outputLimits.textLength / piece.length)}x`);
      clean(`x${piece.repeat(outputLimits.textLength / piece.length - 2)}x`);
      expect(performance.now() - start).toBeLessThan(1_000);
    });
  }
});

test("an answer of marks only is no answer", () => {
  expect(clean("https://evil.com/ — evil.com.").text).toBe("");
  expect(clean(" \n\u200b").text).toBe("");
});

test("what was taken out is counted", () => {
  const { removed } = clean("a\u200bb evil.com x@evil.com ![x](y) ok");
  expect(removed).toEqual({ links: 1, addresses: 1, pictures: 1, characters: 1, cut: false });
});

test("a note is one bounded line under the same policy", () => {
  expect(cleanNote("Call\nhim at evil.com\u202e now", rules, 14)).toBe("Call him at […");
});
