import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { addressKey, needsSmtpUtf8, parseAddress, toAscii } from "./address.ts";

const accepted: [text: string, normalised: string][] = [
  ["ann@example.org", "ann@example.org"],
  ["Ann.B+tag@Example.ORG", "Ann.B+tag@example.org"],
  ["a@localhost", "a@localhost"],
  ["!#$%&'*+-/=?^_`{|}~@example.org", "!#$%&'*+-/=?^_`{|}~@example.org"],
  ['"ann b"@example.org', '"ann b"@example.org'],
  ['"a@b"@example.org', '"a@b"@example.org'],
  ['"a\\"b"@example.org', '"a\\"b"@example.org'],
  ["ann@BÜCHER.example", "ann@bücher.example"],
  ["ann@xn--bcher-kva.example", "ann@bücher.example"],
  ["ann@bu\u0308cher.example", "ann@bücher.example"],
  ["用户@例子.广告", "用户@例子.广告"],
  ["ann@例子。广告", "ann@例子.广告"],
  ["ann@[192.0.2.1]", "ann@[192.0.2.1]"],
  ["ann@[ipv6:2001:DB8:0:0:0:0:0:1]", "ann@[IPv6:2001:db8::1]"],
  [`${"a".repeat(64)}@example.org`, `${"a".repeat(64)}@example.org`],
];

const refused: [text: string, code: string][] = [
  ["", "address_empty"],
  ["ann", "address_without_at"],
  ["@example.org", "address_bad_local"],
  ["ann@", "address_bad_domain"],
  ["<ann@example.org>", "address_bad_local"],
  ["<>", "address_without_at"],
  ['"a<b"@example.org', "address_bad_local"],
  ["Ann <ann@example.org>", "address_bad_local"],
  ["b@b.test\r\nBcc: evil@x.test", "address_control_character"],
  ["ann@example.org\n", "address_control_character"],
  ["ann\0@example.org", "address_control_character"],
  ['"a\tb"@example.org', "address_control_character"],
  ["a\u0085b@example.org", "address_control_character"],
  ["a\u202eb@example.org", "address_control_character"],
  ["a\u00a0b@example.org", "address_control_character"],
  ["\ud800@example.org", "address_control_character"],
  ["ann b@example.org", "address_bad_local"],
  ["ann..b@example.org", "address_bad_local"],
  [".ann@example.org", "address_bad_local"],
  ['"ann@example.org', "address_bad_local"],
  ['"a"b"@example.org', "address_bad_local"],
  ["a@b@example.org", "address_bad_local"],
  ["ann@example..org", "address_bad_domain"],
  ["ann@example.org.", "address_bad_domain"],
  ["ann@-example.org", "address_bad_domain"],
  ["ann@ex_ample.org", "address_bad_domain"],
  ["ann@bü_cher.example", "address_bad_domain"],
  ["ann@bücher.example/path", "address_bad_domain"],
  ["ann@bü%63her.example", "address_bad_domain"],
  ["ann@xn--zzzzzz99999.example", "address_bad_domain"], // No A-label: it decodes to nothing.
  ["ann@xn--a.example", "address_bad_domain"],
  ["ann@192.0.2.1", "address_bad_domain"], // Without brackets it is a domain, and no domain ends in a number.
  ["ann@１９２.0.2.1", "address_bad_domain"], // The same in fullwidth digits.
  ["ann@[192.0.2.256]", "address_bad_domain"],
  ["ann@[192.0.2.1", "address_bad_domain"],
  ["ann@[IPv6:::1::]", "address_bad_domain"],
  ["ann@[example.org]", "address_bad_domain"],
  [`${"a".repeat(65)}@example.org`, "address_local_too_long"],
  [`${"ü".repeat(33)}@example.org`, "address_local_too_long"],
  [`ann@${"a".repeat(64)}.org`, "address_domain_too_long"],
  [`ann@${"ü".repeat(62)}.org`, "address_domain_too_long"],
  [`ann@${"abcdefghi.".repeat(25)}org`, "address_too_long"],
  ["a".repeat(10_000_000), "address_too_long"],
];

describe("parseAddress", () => {
  for (const [text, normalised] of accepted) {
    test(`reads ${text.slice(0, 60)}`, () => {
      const parsed = parseAddress(text);
      expect(parsed.ok && parsed.address.address).toBe(normalised);
    });
  }
  for (const [text, code] of refused) {
    test(`refuses ${JSON.stringify(text.slice(0, 60))} as ${code}`, () => {
      expect(parseAddress(text)).toMatchObject({ ok: false, code });
    });
  }

  const anyText = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.string({ unit: fc.constantFrom(...'aÜü.@"\\<>[]()xn--:;, \r\n\t\0\u202e例', "\ud800") }),
    fc.emailAddress(),
    fc.tuple(fc.string({ unit: "grapheme", minLength: 1 }), fc.domain()).map((pair) => pair.join("@")),
  );

  test("what it accepts is one line, has no brackets, and reads back as itself", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const parsed = parseAddress(text);
        if (!parsed.ok) return;
        const { address, local, domain } = parsed.address;
        expect(address).toBe(`${local}@${domain}`);
        expect(address).not.toMatch(/[\p{Cc}<>\u2028\u2029]/u);
        expect(Buffer.byteLength(address)).toBeLessThanOrEqual(254);
        expect(parseAddress(address)).toEqual(parsed);
        expect(parseAddress(toAscii(address))).toEqual(parsed);
        expect(addressKey(addressKey(address))).toBe(addressKey(address));
        if (!needsSmtpUtf8(address)) expect(toAscii(address)).toMatch(/^[\x20-\x7e]+$/);
      }),
      { numRuns: 2_000 },
    );
  });

  test("ordinary addresses are accepted", () => {
    fc.assert(fc.property(fc.emailAddress({ size: "small" }), (text) => parseAddress(text).ok));
  });
});

test("the spelling for a next hop has A-labels, and keeps the local part", () => {
  expect(toAscii("Ann@bücher.example")).toBe("Ann@xn--bcher-kva.example");
  expect(toAscii("用户@例子.广告")).toBe("用户@xn--fsqu00a.xn--4rr70v");
});

test("only a local part needs SMTPUTF8, since a domain has A-labels", () => {
  expect(needsSmtpUtf8("ann@bücher.example")).toBe(false);
  expect(needsSmtpUtf8("jürgen@example.org")).toBe(true);
});

test("a suppressed mailbox is known again in another case, form or quoting", () => {
  const key = addressKey("jürgen@example.org");
  for (const same of [
    "JÜRGEN@example.org",
    "ju\u0308rgen@example.org",
    '"jürgen"@example.org',
    '"j\\ürgen"@example.org',
  ]) {
    expect(addressKey(same)).toBe(key);
  }
  expect(addressKey('"a b"@example.org')).not.toBe(addressKey("ab@example.org"));
});
