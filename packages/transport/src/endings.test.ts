import assert from "node:assert/strict";
import { type HopFault, startMisbehavingHop } from "@mailfleet/testkit";
import fc from "fast-check";
import { describe, test } from "vitest";
import { openNextHop } from "./smtp-next-hop.ts";
import { content, envelopeTo } from "./testing/contract.ts";

const recipients = ["ann@example.org", "bob@example.org"] as const;

const fault: fc.Arbitrary<HopFault> = fc
  .record(
    {
      at: fc.constantFrom("greeting", "ehlo", "mail", "rcpt", "data", "final-dot"),
      does: fc.constantFrom("answer", "hang_up"),
      reply: fc.constantFrom(
        "421 4.3.2 closing",
        "450 4.2.0 later",
        "452 4.5.3 too many",
        "550 5.1.1 never",
        "550 4.0.0 perhaps",
        "250 2.0.0 fine",
        "nonsense",
      ),
      recipient: fc.constantFrom(...recipients),
      times: fc.constantFrom(1, 2),
      keeps: fc.boolean(),
    },
    { requiredKeys: ["at", "does", "reply", "times"] },
  )
  // A server that takes a recipient and forgets it would owe LMTP a reply for ever; that is what time limits are for.
  .filter(({ at, reply }) => at === "data" || at === "final-dot" || !reply?.startsWith("2"));

describe("whatever a next hop does", () => {
  for (const lmtp of [false, true]) {
    for (const pipelining of [true, false]) {
      test(`what it keeps was reported as sent or in doubt (LMTP ${lmtp}, pipelining ${pipelining})`, async () => {
        const extensions = pipelining ? ["PIPELINING", "8BITMIME"] : ["8BITMIME"];
        await fc.assert(
          fc.asyncProperty(fc.array(fault, { maxLength: 4 }), fc.boolean(), async (faults, mayFinish) => {
            await using hop = await startMisbehavingHop({ lmtp, extensions });
            const settings = { host: hop.host, port: hop.port, security: "none", lmtp } as const;
            const timeLimits = { quitMs: 20 };
            await using nextHop = openNextHop(settings, { timeLimits });
            assert.equal((await nextHop.send(envelopeTo(...recipients), content(), () => true)).length, 2);
            for (const one of faults) hop.misbehaves(one);
            const before = new Map(hop.counts().map(({ recipient, copies }) => [recipient, copies]));
            const results = await nextHop.send(envelopeTo(...recipients), content(), () => mayFinish);
            assert.equal(results.length, 2);
            const after = new Map(hop.counts().map(({ recipient, copies }) => [recipient, copies]));
            for (const [at, recipient] of recipients.entries()) {
              const kept = (after.get(recipient) ?? 0) - (before.get(recipient) ?? 0);
              const kind = results[at]?.kind;
              assert(kept <= 1, "offered twice");
              if (kind === "transient_error" || kind === "permanent_error" || kind === "not_attempted") {
                const brokenPromise = faults.some(
                  (one) => one.at === "final-dot" && one.does === "answer" && one.keeps,
                );
                assert(kept === 0 || brokenPromise, `kept, and reported as ${kind}`);
              }
              if (kind === "success") {
                const brokenPromise = faults.some(({ does, reply }) => does === "answer" && reply?.startsWith("2"));
                assert(kept === 1 || brokenPromise, "reported as sent, and not kept");
              }
              if (!mayFinish) assert.equal(kept, 0);
            }
          }),
          { numRuns: 150 },
        );
      });
    }
  }
});
