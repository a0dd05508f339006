import { describe, expect, test } from "vitest";
import type { Ending, EndingCause, Phase } from "./ending.ts";
import { judge } from "./outcome.ts";
import { parseReply } from "./reply.ts";

/** What an ending means, in one word: `blocked` and `free` are the two kinds of `not_attempted`. */
type Verdict = "success" | "transient" | "permanent" | "in_doubt" | "blocked" | "free";

function verdictOn(ending: Ending): Verdict {
  const result = judge(ending);
  if (result.kind === "not_attempted") return result.blocksAccount ? "blocked" : "free";
  return result.kind.replace("_error", "") as Verdict;
}

type Row = [
  phase: Phase,
  what: string | EndingCause,
  verdict: Verdict,
  status: string,
  why: string,
  more?: Partial<Ending>,
];

function endingOf([phase, what, , , , more]: Row): Ending {
  const cause: EndingCause = typeof what === "string" ? { kind: "reply", reply: parseReply(what)! } : what;
  return { phase, cause, ...more };
}

const timeout: EndingCause = { kind: "timeout" };
const closed: EndingCause = { kind: "closed" };
const tls: EndingCause = { kind: "tls", detail: "certificate has expired" };
const garbled: EndingCause = { kind: "garbled", detail: "HTTP/1.1 400 Bad Request" };

const sections: Record<string, Row[]> = {
  "replies to the final dot": [
    ["final-dot", "250 2.0.0 queued as 4F1", "success", "", "a final 2yz hands over responsibility"],
    ["final-dot", "250 ok", "success", "", "with or without an enhanced code"],
    [
      "final-dot",
      "250 4.3.0 hm",
      "success",
      "",
      "2yz is a yes, whatever the enhanced code says: to send again would double it",
    ],
    ["final-dot", "451 4.3.0 try later", "transient", "4.3.0", "4yz asks us to come back"],
    ["final-dot", "421 4.3.2 closing", "transient", "4.3.2", "421 is a reply: the next hop has not taken the message"],
    ["final-dot", "452 4.3.1 disk full", "transient", "4.3.1", "a full disk empties"],
    ["final-dot", "554 5.6.0 rejected", "permanent", "5.6.0", "both codes say never"],
    ["final-dot", "554 no enhanced code here", "permanent", "5.0.0", "the reply code stands for both"],
    ["final-dot", "552 5.3.4 too big", "permanent", "5.3.4", "it will not get smaller"],
    [
      "final-dot",
      "552 5.2.2 mailbox full",
      "permanent",
      "5.2.2",
      "552 means never, here: the next hop could have said 452",
    ],
    ["final-dot", "354 go ahead", "in_doubt", "4.5.0", "neither yes nor no, after the content was complete"],
  ],
  "replies to MAIL, RCPT and DATA": [
    ["mail", "451 4.7.1 later", "transient", "4.7.1", "an answer to MAIL begins an attempt"],
    ["mail", "501 5.1.7 bad sender", "permanent", "5.1.7", "about this reverse-path, for ever"],
    ["mail", "552 5.3.4 too big", "permanent", "5.3.4", "SIZE refused"],
    ["mail", "452 4.3.1 disk full", "transient", "4.3.1", "452 to MAIL is no matter of recipients"],
    ["rcpt", "450 4.7.1 greylisted, come back later", "transient", "4.7.1", "greylisting wants a later attempt"],
    ["rcpt", "550 5.1.1 no such user", "permanent", "5.1.1", "both codes say never"],
    ["rcpt", "550 5.7.1 rate limit exceeded, try again later", "permanent", "5.7.1", "codes decide, never text"],
    ["rcpt", "450 4.7.1 permanently blocked", "transient", "4.7.1", "codes decide, never text"],
    ["rcpt", "251 2.1.5 will forward", "transient", "4.5.0", "a yes is no ending: whoever reports it lost its place"],
    ["data", "451 4.3.0 later", "transient", "4.3.0", "4yz asks us to come back"],
    ["data", "554 5.5.1 no valid recipients", "permanent", "5.5.1", "both codes say never"],
    ["data", "250 ok", "transient", "4.5.0", "not an answer to DATA, and no content went out"],
    ["content", "451 4.3.0 later", "transient", "4.3.0", "an answer before the end counts: nobody has the message"],
    ["content", "554 5.7.1 spam", "permanent", "5.7.1", "likewise"],
    ["content", "250 ok", "transient", "4.5.0", "a yes to half a message is no yes"],
  ],
  "codes that disagree": [
    ["rcpt", "550 4.2.2 mailbox full", "transient", "4.2.2", "a retry is cheap, mail is not"],
    ["rcpt", "450 5.1.1 no such user", "transient", "5.1.1", "likewise"],
    ["rcpt", "550 2.1.5 ok", "transient", "2.1.5", "likewise, even where one of them is nonsense"],
  ],
  "421, which closes the channel": [
    ["greeting", "421 4.3.2 too busy", "blocked", "4.3.2", "before MAIL it is nobody's attempt"],
    ["ehlo", "421 4.3.2 closing", "blocked", "4.3.2", "likewise"],
    ["auth", "421 4.3.2 closing", "blocked", "4.3.2", "likewise"],
    [
      "mail",
      "421 4.7.0 closing",
      "transient",
      "4.7.0",
      "this reverse-path may be the reason: charged, it cannot block its account for ever",
    ],
    [
      "mail",
      "421 4.4.2 idle too long",
      "free",
      "4.4.2",
      "on a used connection it answers our silence, not our MAIL",
      { reusedConnection: true },
    ],
    ["rcpt", "421 4.7.0 closing", "transient", "4.7.0", "after MAIL it is the delivery's"],
    ["data", "421 4.7.0 closing", "transient", "4.7.0", "likewise"],
  ],
  "too many recipients in one transaction": [
    [
      "rcpt",
      "452 4.5.3 too many recipients",
      "free",
      "4.5.3",
      "the next transaction takes it, free of charge",
      { othersAccepted: true },
    ],
    [
      "rcpt",
      "452 too many recipients",
      "free",
      "4.0.0",
      "452 to RCPT means this (RFC 5321 section 4.5.3.1.10)",
      { othersAccepted: true },
    ],
    [
      "rcpt",
      "451 4.5.3 too many recipients",
      "free",
      "4.5.3",
      "the enhanced code says so by itself",
      { othersAccepted: true },
    ],
    ["rcpt", "552 too many recipients", "free", "5.0.0", "RFC 821's spelling of the same", { othersAccepted: true }],
    ["rcpt", "552 5.5.3 too many recipients", "free", "5.5.3", "likewise", { othersAccepted: true }],
    ["rcpt", "452 4.5.3 too many recipients", "transient", "4.5.3", "alone, it would come back free for ever"],
    ["rcpt", "552 5.5.3 too many recipients", "permanent", "5.5.3", "alone, both codes say never"],
    [
      "rcpt",
      "452 4.2.2 mailbox full",
      "transient",
      "4.2.2",
      "its own mailbox, not the number of recipients",
      { othersAccepted: true },
    ],
    ["rcpt", "552 5.2.2 mailbox full", "permanent", "5.2.2", "likewise", { othersAccepted: true }],
    [
      "rcpt",
      "550 5.1.1 no such user",
      "permanent",
      "5.1.1",
      "one bad recipient of many is bad alone",
      { othersAccepted: true },
    ],
    ["final-dot", "250 2.0.0 ok", "success", "", "and the others get the message", { othersAccepted: true }],
  ],
  "the account's own trouble": [
    ["auth", "535 5.7.8 wrong password", "blocked", "5.7.8", "every mail of the account would fail alike"],
    ["auth", "454 4.7.0 try later", "blocked", "4.7.0", "likewise, for a while"],
    ["auth", { kind: "credentials", detail: "token refused" }, "blocked", "4.7.8", "nothing to log in with"],
    ["auth", { kind: "unsupported", feature: "auth" }, "blocked", "4.7.4", "the next hop takes no login"],
    ["mail", "530 5.7.0 authentication required", "blocked", "5.7.0", "530 speaks of the session, not of the message"],
    [
      "rcpt",
      "530 5.7.0 must issue STARTTLS first",
      "blocked",
      "5.7.0",
      "likewise, from servers that put refusals off until RCPT",
    ],
    [
      "greeting",
      "554 5.7.1 no service for you",
      "blocked",
      "5.7.1",
      "the next hop does not talk to us; no mail is to blame",
    ],
    ["ehlo", "550 5.7.1 who are you", "blocked", "5.7.1", "likewise"],
  ],
  "no way to the next hop": [
    [
      "dns",
      { kind: "dns", failure: "not_found", detail: "ENOTFOUND" },
      "blocked",
      "4.4.4",
      "an account's host that is not there is a mistake or an outage, not the recipient's",
    ],
    ["dns", { kind: "dns", failure: "unavailable", detail: "ESERVFAIL" }, "blocked", "4.4.3", "nobody could say"],
    ["dns", timeout, "blocked", "4.4.2", "likewise"],
    ["connect", { kind: "refused", detail: "ECONNREFUSED" }, "blocked", "4.4.1", "nobody is listening"],
    ["connect", timeout, "blocked", "4.4.2", "nobody answers"],
    ["tls", tls, "blocked", "4.7.5", "we do not fall back to clear text"],
    ["tls", { kind: "unsupported", feature: "starttls" }, "blocked", "4.7.4", "likewise"],
    ["tls", "454 4.7.0 TLS not available", "blocked", "4.7.0", "STARTTLS refused"],
    ["tls", timeout, "blocked", "4.4.2", "half-open"],
    ["greeting", timeout, "blocked", "4.4.2", "a tarpit"],
    ["greeting", closed, "blocked", "4.4.2", "hung up on us"],
    ["greeting", garbled, "blocked", "4.5.0", "not an SMTP server"],
    ["ehlo", closed, "blocked", "4.4.2", "before MAIL"],
    ["auth", timeout, "blocked", "4.4.2", "before MAIL"],
  ],
  "connections that break": [
    ["mail", timeout, "blocked", "4.4.2", "MAIL was not answered, so nothing was attempted"],
    ["mail", closed, "blocked", "4.4.2", "likewise"],
    [
      "mail",
      closed,
      "free",
      "4.4.2",
      "an idle connection that died says nothing of the next hop",
      { reusedConnection: true },
    ],
    ["mail", timeout, "free", "4.4.2", "likewise", { reusedConnection: true }],
    ["rcpt", timeout, "transient", "4.4.2", "MAIL was answered; before the final dot nobody has the message"],
    ["rcpt", closed, "transient", "4.4.2", "likewise"],
    [
      "rcpt",
      closed,
      "transient",
      "4.4.2",
      "on a used connection as well, once MAIL was answered",
      { reusedConnection: true },
    ],
    ["data", timeout, "transient", "4.4.2", "likewise"],
    ["data", closed, "transient", "4.4.2", "likewise"],
    ["content", timeout, "transient", "4.4.2", "the next hop stopped reading before the final dot"],
    ["content", closed, "transient", "4.4.2", "the final dot never went out"],
    ["content", tls, "transient", "4.7.5", "likewise"],
    ["final-dot", timeout, "in_doubt", "4.4.2", "it may have the message (RFC 1047)"],
    ["final-dot", closed, "in_doubt", "4.4.2", "likewise"],
    ["final-dot", tls, "in_doubt", "4.7.5", "likewise"],
    ["final-dot", garbled, "in_doubt", "4.5.0", "an answer that nobody can read is no answer"],
    ["data", garbled, "transient", "4.5.0", "before the final dot it does no harm"],
  ],
  "what the next hop cannot do": [
    [
      "mail",
      { kind: "unsupported", feature: "smtputf8" },
      "permanent",
      "5.6.7",
      "an address that it cannot spell stays so",
    ],
    ["mail", { kind: "unsupported", feature: "8bitmime" }, "permanent", "5.6.3", "we do not rewrite content"],
    [
      "mail",
      { kind: "too_large", sizeBytes: 2_000, limitBytes: 1_000 },
      "permanent",
      "5.3.4",
      "it will not get smaller",
    ],
  ],
  "what we did ourselves": [
    [
      "content",
      { kind: "withdrawn", why: "lease_lost" },
      "free",
      "4.3.2",
      "before the final dot nobody has it; another worker does",
    ],
    ["mail", { kind: "withdrawn", why: "stopping" }, "free", "4.3.2", "an interrupted turn costs no attempt"],
    [
      "final-dot",
      { kind: "withdrawn", why: "lease_lost" },
      "in_doubt",
      "4.4.2",
      "after the final dot nothing can be taken back",
    ],
    [
      "content",
      { kind: "unreadable", detail: "no such object" },
      "transient",
      "4.3.0",
      "charged, so that it ends once",
    ],
  ],
};

for (const [section, rows] of Object.entries(sections)) {
  describe(section, () => {
    for (const row of rows) {
      const [phase, what, verdict, status, why, more] = row;
      const whatText =
        typeof what === "string"
          ? `"${what}"`
          : [what.kind, "failure" in what && what.failure, "feature" in what && what.feature].filter(Boolean).join(" ");
      test(`${phase}: ${whatText}${more ? ` (${Object.keys(more)})` : ""} is ${verdict}: ${why}`, () => {
        const result = judge(endingOf(row));
        expect(verdictOn(endingOf(row))).toBe(verdict);
        if (result.kind !== "success") {
          expect(result.status).toBe(status);
          expect(result.reason).toMatch(/^\S.{0,1100}$/);
        }
      });
    }
  });
}

describe("whatever happens", () => {
  const phases: Phase[] = [
    "dns",
    "connect",
    "tls",
    "greeting",
    "ehlo",
    "auth",
    "mail",
    "rcpt",
    "data",
    "content",
    "final-dot",
  ];
  const replies = [200, 250, 354, 421, 450, 451, 452, 500, 530, 535, 550, 552, 554].flatMap((code) =>
    ["", " 4.5.3", " 5.5.3", " 5.1.1", " 4.2.2"].map(
      (status): EndingCause => ({ kind: "reply", reply: parseReply(`${code}${status}`)! }),
    ),
  );
  const causes: EndingCause[] = [timeout, closed, tls, garbled, ...replies];
  const all: Ending[] = phases.flatMap((phase) =>
    causes.flatMap((cause) =>
      [false, true].flatMap((reusedConnection) =>
        [false, true].map((othersAccepted) => ({ phase, cause, reusedConnection, othersAccepted })),
      ),
    ),
  );

  test("only a 2yz after the final dot is a success", () => {
    for (const ending of all.filter((candidate) => verdictOn(candidate) === "success")) {
      expect(ending.phase).toBe("final-dot");
      expect(ending.cause.kind === "reply" && ending.cause.reply.code).toBeLessThan(300);
    }
  });

  test("only after the final dot is anything in doubt, and never with a reply of 4yz or 5yz", () => {
    for (const ending of all.filter((candidate) => verdictOn(candidate) === "in_doubt")) {
      expect(ending.phase).toBe("final-dot");
      expect(ending.cause.kind !== "reply" || ending.cause.reply.code < 400).toBe(true);
    }
  });

  test("before MAIL no delivery is charged, and the account is blocked", () => {
    const before = new Set<Phase>(["dns", "connect", "tls", "greeting", "ehlo", "auth"]);
    for (const ending of all.filter(({ phase }) => before.has(phase))) expect(verdictOn(ending)).toBe("blocked");
  });

  test("what blocks an account says for how long, and nothing else does", () => {
    for (const ending of all) {
      const result = judge(ending);
      if (result.kind === "not_attempted") expect(result.trouble !== undefined).toBe(result.blocksAccount);
    }
  });

  test("a permanent error has two codes that say never", () => {
    for (const ending of all) {
      const result = judge(ending);
      if (result.kind !== "permanent_error") continue;
      expect(result.status).toMatch(/^5/);
      expect(result.replyCode).toBeGreaterThanOrEqual(500);
    }
  });
});
