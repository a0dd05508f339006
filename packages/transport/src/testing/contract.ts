import assert from "node:assert/strict";
import type { Envelope, SendResult } from "@mailfleet/mail";
import type { HopFault } from "@mailfleet/testkit";
import { describe, test } from "vitest";
import type { Content, NextHop } from "../next-hop.ts";

/** A next hop under test, and the hand that makes it misbehave. */
export interface Rig extends AsyncDisposable {
  readonly nextHop: NextHop;
  misbehaves(fault: HopFault): void;
  /** Copies kept so far, one for each recipient. */
  keptDeliveries(): number;
}

const ann = "ann@example.org";
const bob = "bob@example.org";
const eve = "eve@example.org";

export const envelopeTo = (...addresses: string[]): Envelope => ({
  reversePath: "sender@example.org",
  recipients: addresses.map((address) => ({ address })),
  smtpUtf8: false,
  eightBit: false,
});

const text = Buffer.from("From: sender@example.org\r\nMessage-ID: <1@example.org>\r\n\r\nhello\r\n");
export const content = (bytes: Uint8Array = text): Content => ({ sizeBytes: bytes.length, bytes });

/** What every NextHop promises. Each implementation runs it, the fake one too. */
export function nextHopContract(name: string, open: () => Promise<Rig>): void {
  describe(`${name} keeps the next-hop contract`, () => {
    const endings = async (faults: readonly HopFault[], envelope = envelopeTo(ann), mayFinish = () => true) => {
      await using rig = await open();
      for (const fault of faults) rig.misbehaves(fault);
      const results = await rig.nextHop.send(envelope, content(), mayFinish);
      return { results, usable: rig.nextHop.usable, kept: rig.keptDeliveries() };
    };
    const kinds = (results: readonly SendResult[]) => results.map(({ kind }) => kind);

    test("a final 2yz is a success, and the connection carries on", async () => {
      const { results, usable, kept } = await endings([]);
      assert.deepEqual(kinds(results), ["success"]);
      assert.equal(kept, 1);
      assert.equal(usable, true);
    });

    test("connecting ahead changes nothing", async () => {
      await using rig = await open();
      assert.equal(await rig.nextHop.connect(), undefined);
      assert.deepEqual(kinds(await rig.nextHop.send(envelopeTo(ann), content(), () => true)), ["success"]);
    });

    const refusals = [
      ["mail", "450 4.7.1 later", "transient_error"],
      ["mail", "550 5.7.1 never", "permanent_error"],
      ["rcpt", "450 4.2.1 later", "transient_error"],
      ["rcpt", "550 5.1.1 nobody", "permanent_error"],
      ["data", "451 4.3.0 later", "transient_error"],
      ["data", "554 5.6.0 never", "permanent_error"],
      ["final-dot", "452 4.3.1 later", "transient_error"],
      ["final-dot", "554 5.7.1 never", "permanent_error"],
    ] as const;
    for (const [at, reply, kind] of refusals) {
      test(`"${reply}" at ${at} is ${kind}, keeps nothing, and the next message goes out on the same connection`, async () => {
        await using rig = await open();
        rig.misbehaves({ at, does: "answer", reply, times: 1 });
        assert.deepEqual(kinds(await rig.nextHop.send(envelopeTo(ann), content(), () => true)), [kind]);
        assert.equal(rig.keptDeliveries(), 0);
        assert.deepEqual(kinds(await rig.nextHop.send(envelopeTo(ann), content(), () => true)), ["success"]);
        assert.equal(rig.keptDeliveries(), 1);
      });
    }

    const beforeAttempt = [
      ["a refusing greeting", { at: "greeting", does: "answer", reply: "554 5.3.2 go away" }],
      ["421 as a greeting", { at: "greeting", does: "answer", reply: "421 4.3.2 busy" }],
      ["silence instead of a greeting", { at: "greeting", does: "stall" }],
      ["hanging up at the greeting", { at: "greeting", does: "hang_up" }],
      ["hanging up at EHLO", { at: "ehlo", does: "hang_up" }],
      ["hanging up at MAIL", { at: "mail", does: "hang_up" }],
    ] as const satisfies readonly (readonly [string, HopFault])[];
    for (const [what, fault] of beforeAttempt) {
      test(`${what} is nobody's attempt and blocks the account`, async () => {
        const { results, usable } = await endings([fault]);
        assert.deepEqual(kinds(results), ["not_attempted"]);
        assert.equal(results[0]?.kind === "not_attempted" && results[0].blocksAccount, true);
        assert.equal(usable, false);
      });
    }

    for (const at of ["rcpt", "data"] as const) {
      test(`hanging up at ${at} is a transient error: nobody has the message`, async () => {
        const { results, usable, kept } = await endings([{ at, does: "hang_up" }]);
        assert.deepEqual(kinds(results), ["transient_error"]);
        assert.equal(kept, 0);
        assert.equal(usable, false);
      });
    }

    for (const does of ["hang_up", "stall"] as const) {
      for (const keeps of [true, false]) {
        test(`${does} after the final dot is in doubt, not a transient error, kept or not (${keeps})`, async () => {
          const { results, usable, kept } = await endings([{ at: "final-dot", does, keeps }]);
          assert.deepEqual(kinds(results), ["in_doubt"]);
          assert.equal(kept, keeps ? 1 : 0);
          assert.equal(usable, false);
        });
      }
    }

    test("a worker that lost its lease leaves the next hop with nothing, at nobody's charge", async () => {
      const { results, usable, kept } = await endings([], envelopeTo(ann), () => false);
      assert.deepEqual(kinds(results), ["not_attempted"]);
      assert.equal(results[0]?.kind === "not_attempted" && results[0].blocksAccount, false);
      assert.equal(kept, 0);
      assert.equal(usable, false);
    });

    test("one refused recipient of three changes nothing for the others, and results come in their order", async () => {
      const { results, kept } = await endings(
        [{ at: "rcpt", does: "answer", reply: "550 5.1.1 nobody", recipient: bob }],
        envelopeTo(ann, bob, eve),
      );
      assert.deepEqual(kinds(results), ["success", "permanent_error", "success"]);
      assert.equal(kept, 2);
    });

    test("a refused recipient stays refused when the others end in doubt", async () => {
      const { results } = await endings(
        [
          { at: "rcpt", does: "answer", reply: "550 5.1.1 nobody", recipient: ann },
          { at: "final-dot", does: "hang_up" },
        ],
        envelopeTo(ann, bob),
      );
      assert.deepEqual(kinds(results), ["permanent_error", "in_doubt"]);
    });

    test("all recipients refused, each for a reason of its own, end each by itself", async () => {
      const { results, kept } = await endings(
        [
          { at: "rcpt", does: "answer", reply: "550 5.1.1 nobody", recipient: ann },
          { at: "rcpt", does: "answer", reply: "450 4.2.1 later", recipient: bob },
        ],
        envelopeTo(ann, bob),
      );
      assert.deepEqual(kinds(results), ["permanent_error", "transient_error"]);
      assert.equal(kept, 0);
    });

    test("content that cannot be read to its end reaches nobody", async () => {
      await using rig = await open();
      const broken: Content = {
        sizeBytes: 200_000,
        async *open() {
          yield Buffer.alloc(70_000, "a");
          yield Buffer.alloc(70_000, "b");
          throw new Error("the blob store is away");
        },
      };
      const results = await rig.nextHop.send(envelopeTo(ann), broken, () => true);
      assert.deepEqual(kinds(results), ["transient_error"]);
      assert.equal(rig.keptDeliveries(), 0);
    });

    test("a closed connection offers nothing", async () => {
      await using rig = await open();
      await rig.nextHop[Symbol.asyncDispose]();
      assert.equal(rig.nextHop.usable, false);
      assert.deepEqual(kinds(await rig.nextHop.send(envelopeTo(ann), content(), () => true)), ["not_attempted"]);
      assert.equal(rig.keptDeliveries(), 0);
    });
  });
}
