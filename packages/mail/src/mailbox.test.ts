import fc from "fast-check";
import { expect, test } from "vitest";
import { parseMailbox, parseMailboxes } from "./mailbox.ts";

const one: [text: string, name: string | undefined, address: string][] = [
  ["ann@example.org", undefined, "ann@example.org"],
  [" <ann@example.org> ", undefined, "ann@example.org"],
  ["Ann B <ann@example.org>", "Ann B", "ann@example.org"],
  ['"B, Ann" <ann@example.org>', "B, Ann", "ann@example.org"],
  ['"Ann \\"A\\"" <ann@example.org>', 'Ann "A"', "ann@example.org"],
  ["Ann (the first) <ann@example.org>", "Ann", "ann@example.org"],
  ["ann@example.org (Ann)", undefined, "ann@example.org"],
  ['"a@b, c"@example.org', undefined, '"a@b, c"@example.org'],
  ['Ann <"a>b"@example.org>', undefined, "refused"],
  ["Jürgen <j@bücher.example>", "Jürgen", "j@bücher.example"],
  ["ann@[IPv6:2001:db8::1]", undefined, "ann@[IPv6:2001:db8::1]"],
];

for (const [text, name, address] of one) {
  test(`${text} is ${address}`, () => {
    const parsed = parseMailbox(text);
    if (address === "refused") expect(parsed.ok).toBe(false);
    else expect(parsed).toMatchObject({ ok: true, mailbox: { address: { address }, ...(name ? { name } : {}) } });
  });
}

for (const text of [
  "",
  "Ann",
  "Ann <ann@example.org",
  "ann@example.org>",
  "Ann <ann@example.org> <b@example.org>",
  "ann@example.org, b@example.org",
  "Ann <ann@example.org> b",
  '"Ann <ann@example.org>',
  "Ann (x <ann@example.org>",
  "b@b.test\r\nBcc: evil@x.test",
  "Ann\nBcc: x@x.test <ann@example.org>",
  "Ann <ann@example.org\r\n>",
  "<>",
  "a;b@example.org",
  "x".repeat(10_000_000),
]) {
  test(`${JSON.stringify(text.slice(0, 50))} is not one mailbox`, () => {
    expect(parseMailbox(text).ok).toBe(false);
  });
}

test("a list is read with its groups, names and commas in quotes", () => {
  const parsed = parseMailboxes('"B, Ann" <a@x.test>, b@x.test, Team: c@x.test, D <d@x.test>;, e@x.test,');
  expect(parsed.ok && parsed.mailboxes.map(({ address }) => address.local)).toEqual(["a", "b", "c", "d", "e"]);
  expect(parseMailboxes("undisclosed-recipients:;")).toEqual({ ok: true, mailboxes: [] });
});

test("any text is read or refused, and no accepted address has a line break", () => {
  const unit = fc.constantFrom(...'ab@.,;:<>()"\\ \r\n[]ü');
  fc.assert(
    fc.property(fc.string({ unit, maxLength: 60 }), (text) => {
      const parsed = parseMailboxes(text);
      const addresses = parsed.ok ? parsed.mailboxes.map(({ address }) => address.address) : [];
      expect(addresses.join("")).not.toMatch(/[\r\n<>]/);
    }),
    { numRuns: 2_000 },
  );
});
