import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { composeLimits } from "./message-fields.ts";
import { replySubject } from "./reply-subject.ts";

describe("a reply says Re: once", () => {
  test.for([
    ["Hello", "Re: Hello", "RFC 5322, 3.6.5"],
    ["Re: Hello", "Re: Hello", "RFC 5322, 3.6.5"],
    ["RE: re:Hello", "Re: Hello", "Outlook"],
    ["Re: AW: Re: Hello", "Re: Hello", "Outlook, German"],
    ["Antw: SV: Odp: Hello", "Re: Hello", "GroupWise; Swedish; Polish"],
    ["Re[2]: Hello", "Re: Hello", "The Bat!"],
    ["AW(3): Hello", "Re: Hello", "counting programs"],
    ["Re^4: Hello", "Re: Hello", "counting programs"],
    ["R: RIF: Hello", "Re: Hello", "Italian"],
    ["回复：Hello", "Re: Hello", "Chinese, with its wide colon"],
    ["Отв: Hello", "Re: Hello", "Russian"],
    ["Re : Hello", "Re: Hello", "French spacing"],
    ["  Re:   Hello", "Re: Hello", "spaces"],
    ["Fwd: Re: Hello", "Re: Fwd: Re: Hello", "a forwarded message stays one"],
    ["WG: Hello", "Re: WG: Hello", "likewise in German"],
    ["RV: Hello", "Re: RV: Hello", "likewise in Spanish"],
    ["Reading: a list", "Re: Reading: a list", "a word that begins alike"],
    ["Ref: 1234", "Re: Ref: 1234", "a word that begins alike"],
    ["", "Re:", "no subject"],
    ["Re: Re:", "Re:", "no subject"],
    ["Hello\r\nBcc: x@y.example", "Re: Hello Bcc: x@y.example", "never a second field"],
  ] as const)("%j → %j (%s)", ([subject, reply]) => {
    expect(replySubject(subject)).toBe(reply);
    expect(replySubject(reply)).toBe(reply);
  });
});

test("any subject becomes one line within the limit, and stays as it is from then on", () => {
  const subject = fc.oneof(
    fc.string({ unit: "binary", maxLength: 2_000 }),
    fc.string({ unit: fc.constantFrom("Re", ":", " ", "[2]", "AW", "：", "x") }),
  );
  fc.assert(
    fc.property(subject, (text) => {
      const reply = replySubject(text);
      expect(reply.length).toBeLessThanOrEqual(composeLimits.subjectLength);
      expect(reply.startsWith("Re:")).toBe(true);
      expect(replySubject(reply)).toBe(reply);
    }),
    { numRuns: 300 },
  );
});
