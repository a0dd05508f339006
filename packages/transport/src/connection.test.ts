import assert from "node:assert/strict";
import type { Envelope } from "@mailfleet/mail";
import { type HopOptions, type MisbehavingHop, startMisbehavingHop } from "@mailfleet/testkit";
import { describe, test } from "vitest";
import type { Content, NextHop } from "./next-hop.ts";
import { type NextHopOptions, openNextHop } from "./smtp-next-hop.ts";
import { content, envelopeTo } from "./testing/contract.ts";

const yes = () => true;
const ann = "ann@example.org";

async function withHop(
  options: HopOptions & NextHopOptions,
  act: (hop: MisbehavingHop, nextHop: NextHop) => Promise<void>,
): Promise<void> {
  await using hop = await startMisbehavingHop(options);
  const timeLimits = { quitMs: 200, ...options.timeLimits };
  await using nextHop = openNextHop({ host: hop.host, port: hop.port, security: "none" }, { ...options, timeLimits });
  await act(hop, nextHop);
}

const kindOf = async (nextHop: NextHop, envelope = envelopeTo(ann), what: Content = content()) =>
  (await nextHop.send(envelope, what, yes))[0]?.kind;

describe("a connection", () => {
  test("is not opened before it is needed, and carries all messages", () =>
    withHop({}, async (hop, nextHop) => {
      assert.equal(hop.connections.total, 0);
      for (let n = 0; n < 5; n++) assert.equal(await kindOf(nextHop), "success");
      assert.equal(hop.connections.total, 1);
    }));

  test("that died while idle is replaced once, and nobody notices", () =>
    withHop({}, async (hop, nextHop) => {
      assert.equal(await kindOf(nextHop), "success");
      hop.cut();
      assert.equal(await kindOf(nextHop), "success");
      assert.equal(hop.connections.total, 2);
      assert.equal(hop.deliveries, 2);
    }));

  test("that ends with 421 at the next MAIL is replaced once, and nobody notices", () =>
    withHop({}, async (hop, nextHop) => {
      hop.answers("mail", "421 4.7.0 enough for one connection", { afterMessages: 2 });
      for (let n = 0; n < 6; n++) assert.equal(await kindOf(nextHop), "success");
      assert.equal(hop.connections.total, 3);
      assert.equal(hop.deliveries, 6);
    }));

  test("is not replaced a second time: then the next hop is the trouble", () =>
    withHop({}, async (hop, nextHop) => {
      assert.equal(await kindOf(nextHop), "success");
      hop.hangsUp("mail");
      const [result] = await nextHop.send(envelopeTo(ann), content(), yes);
      assert.equal(result?.kind === "not_attempted" && result.blocksAccount, true);
      assert.equal(hop.connections.total, 2);
      assert.equal(nextHop.usable, false);
    }));

  test("is never replaced once MAIL was answered: that would be a second attempt", () =>
    withHop({}, async (hop, nextHop) => {
      assert.equal(await kindOf(nextHop), "success");
      hop.hangsUp("rcpt");
      assert.equal(await kindOf(nextHop), "transient_error");
      assert.equal(hop.connections.total, 1);
    }));

  test("is left after so many messages, and another opened", () =>
    withHop({ maxMessagesPerConnection: 2 }, async (hop, nextHop) => {
      for (let n = 0; n < 5; n++) assert.equal(await kindOf(nextHop), "success");
      assert.equal(hop.connections.total, 3);
    }));

  test("is left when it lies idle, and opened again for the next message", () =>
    withHop({ timeLimits: { idleMs: 50 } }, async (hop, nextHop) => {
      assert.equal(await kindOf(nextHop), "success");
      await hop.allClosed();
      assert.equal(nextHop.usable, true);
      assert.equal(await kindOf(nextHop), "success");
      assert.equal(hop.connections.total, 2);
    }));

  test("carries the next message after DATA was refused, though the transaction was left open", () =>
    withHop({}, async (hop, nextHop) => {
      hop.answers("data", "451 4.3.0 later", { times: 1 });
      assert.equal(await kindOf(nextHop), "transient_error");
      assert.equal(await kindOf(nextHop), "success");
      assert.equal(hop.connections.total, 1);
    }));

  test("survives a next hop that takes DATA for nobody, which then gets nothing", () =>
    withHop({ takesDataForNobody: true }, async (hop, nextHop) => {
      hop.answers("rcpt", "550 5.1.1 nobody", { times: 1 });
      assert.equal(await kindOf(nextHop), "permanent_error");
      assert.equal(await kindOf(nextHop), "success");
      assert.equal(hop.connections.total, 1);
      assert.equal(hop.deliveries, 1);
    }));

  test("waits for the reply to its final dot when it is closed meanwhile", () =>
    withHop({}, async (hop, nextHop) => {
      hop.drips("final-dot", 5);
      const sending = nextHop.send(envelopeTo(ann), content(), yes);
      await hop.kept(1);
      await nextHop[Symbol.asyncDispose]();
      assert.equal((await sending)[0]?.kind, "success");
    }));

  test("that is still being opened is given up at once when it is closed", () =>
    withHop({ timeLimits: { greetingMs: 60_000, ehloMs: 60_000 } }, async (hop, nextHop) => {
      const { promise: reached, resolve } = Promise.withResolvers<void>();
      hop.stalls("greeting");
      hop.onConnection(resolve);
      const sending = nextHop.send(envelopeTo(ann), content(), yes);
      await reached;
      await nextHop[Symbol.asyncDispose]();
      const [result] = await sending;
      assert.equal(result?.kind === "not_attempted" && result.blocksAccount, false);
      await hop.allClosed();
    }));

  test("is cut when it is closed before the final dot, and nobody has the message", () =>
    withHop({}, async (hop, nextHop) => {
      const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
      const { promise: more, resolve: goOn } = Promise.withResolvers<void>();
      const slow: Content = {
        sizeBytes: 20,
        async *open() {
          yield Buffer.from("Subject: slow\r\n\r\n");
          ask();
          await more;
          yield Buffer.from("end\r\n");
        },
      };
      const sending = nextHop.send(envelopeTo(ann), slow, yes);
      await asked;
      const closing = nextHop[Symbol.asyncDispose]();
      goOn();
      assert.equal((await sending)[0]?.kind, "transient_error");
      await closing;
      assert.equal(hop.deliveries, 0);
    }));
});

const tarpitLimits = { greetingMs: 400, ehloMs: 400, commandMs: 400, finalDotMs: 400, quitMs: 200 };

describe("a tarpit", () => {
  for (const [at, kind] of [
    ["greeting", "not_attempted"],
    ["ehlo", "not_attempted"],
    ["mail", "not_attempted"],
    ["rcpt", "transient_error"],
    ["data", "transient_error"],
    ["final-dot", "in_doubt"],
  ] as const) {
    test(`that drips its reply at ${at} is cut by the phase's own limit (${kind}), while another lane sends`, () =>
      withHop({ timeLimits: tarpitLimits }, async (hop, nextHop) => {
        await using good = await startMisbehavingHop();
        await using other = openNextHop({ host: good.host, port: good.port, security: "none" });
        await other.connect();
        hop.drips(at, 100);
        let slowEnded = false;
        const slow = kindOf(nextHop).finally(() => {
          slowEnded = true;
        });
        assert.equal(await kindOf(other), "success");
        assert.equal(slowEnded, false);
        // Its reply would come whole in two seconds, and the message would be sent.
        assert.equal(await slow, kind);
      }));
  }

  test("that answers each of many recipients just in time is cut by the envelope's limit", () =>
    withHop({ timeLimits: { commandMs: 300, envelopeMs: 400 } }, async (hop, nextHop) => {
      hop.drips("rcpt", 5);
      const many = Array.from({ length: 20 }, (_, n) => `r${n}@example.org`);
      const results = await nextHop.send(envelopeTo(...many), content(), yes);
      assert.equal(results.length, 20);
      assert(results.every(({ kind }) => kind === "transient_error"));
    }));

  test("that takes no more of the content is cut, and nobody has the message", () =>
    withHop({ timeLimits: { contentStallMs: 200 } }, async (hop, nextHop) => {
      hop.misbehaves({ at: "content", does: "stops_reading" });
      assert.equal(await kindOf(nextHop, envelopeTo(ann), pieces(64, 262_144)), "transient_error");
      assert.equal(hop.deliveries, 0);
    }));
});

describe("content in pieces", () => {
  test("is not sent to a next hop that did not ask for it: its lines would be taken for commands", () =>
    withHop({}, async (hop, nextHop) => {
      hop.answers("data", "250 2.0.0 fine");
      const smuggled = content(Buffer.from("MAIL FROM:<eve@example.org>\r\nRCPT TO:<eve@example.org>\r\nDATA\r\n"));
      assert.equal(await kindOf(nextHop, envelopeTo(ann), smuggled), "transient_error");
      assert.equal(nextHop.usable, false);
      assert.equal(hop.deliveries, 0);
    }));

  test("arrives as it was, whatever its dots and line ends fall on", () =>
    withHop({}, async (hop, nextHop) => {
      const whole = Buffer.from(".one\r\n..two\r\n.\r\nthree\r\n.four");
      for (let cut = 0; cut <= whole.length; cut++) {
        const open = async function* () {
          yield whole.subarray(0, cut);
          yield whole.subarray(cut);
        };
        assert.equal(await kindOf(nextHop, envelopeTo(ann), { sizeBytes: whole.length, open }), "success");
        assert.equal(hop.messages.at(-1)?.content.toString(), `${whole}\r\n`);
      }
    }));

  test("is never whole where the worker may not finish", () =>
    withHop({}, async (hop, nextHop) => {
      const [result] = await nextHop.send(envelopeTo(ann), pieces(10, 70_000), () => false);
      assert.equal(result?.kind, "not_attempted");
      assert.equal(hop.deliveries, 0);
    }));

  test("of megabytes goes out whole", () =>
    withHop({}, async (hop, nextHop) => {
      assert.equal(await kindOf(nextHop, envelopeTo(ann), pieces(80, 65_536)), "success");
      assert.equal(hop.messages[0]?.content.length, 80 * 65_536);
    }));

  test("is not sent on where the next hop refuses in the middle of it", () =>
    withHop({}, async (hop, nextHop) => {
      hop.answers("content", "552 5.3.4 too much");
      const [result] = await nextHop.send(envelopeTo(ann), pieces(400, 65_536), yes);
      assert.equal(result?.kind, "permanent_error");
      assert.equal(hop.deliveries, 0);
    }));
});

describe("greylisting", () => {
  test("puts off the first try for each recipient, and takes the second", () =>
    withHop({ greylists: true }, async (hop, nextHop) => {
      const kinds = async (envelope: Envelope) =>
        (await nextHop.send(envelope, content(), yes)).map((result) => result.kind);
      assert.deepEqual(await kinds(envelopeTo(ann)), ["transient_error"]);
      assert.deepEqual(await kinds(envelopeTo(ann, "bob@example.org")), ["success", "transient_error"]);
      assert.deepEqual(await kinds(envelopeTo("bob@example.org")), ["success"]);
      assert.equal(hop.deliveries, 2);
    }));
});

/** Lines of 64 bytes, so that nothing needs another dot. */
function pieces(count: number, bytes: number): Content {
  const piece = Buffer.alloc(bytes, `${"x".repeat(62)}\r\n`);
  piece.set([13, 10], bytes - 2);
  return {
    sizeBytes: count * bytes,
    async *open() {
      for (let n = 0; n < count; n++) yield piece;
    },
  };
}
