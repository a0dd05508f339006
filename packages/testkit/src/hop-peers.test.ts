import assert from "node:assert/strict";
import { describe, test } from "vitest";
import { startHopProcess } from "./hop-process.ts";
import { startMisbehavingHop } from "./misbehaving-hop.ts";
import { runSmtpSource } from "./smtp-sink.ts";

describe("the misbehaving next hop", () => {
  test("keeps all of a load, and counts what it keeps", async () => {
    await using hop = await startMisbehavingHop({ keepsContent: false });
    await runSmtpSource({ port: hop.port, messages: 1_000, sessions: 10 });
    await hop.kept(1_000);
    assert.equal(hop.deliveries, 1_000);
  });

  test("keeps a message that it hangs up on, and says so when it was told not to", async () => {
    for (const keeps of [true, false]) {
      await using hop = await startMisbehavingHop();
      hop.hangsUp("final-dot", { times: 1, keeps });
      await assert.rejects(runSmtpSource({ port: hop.port, messages: 1, sessions: 1 }));
      assert.equal(hop.deliveries, keeps ? 1 : 0);
    }
  });

  test("in a process of its own keeps counts and takes faults from outside", async () => {
    await using hop = await startHopProcess();
    await runSmtpSource({ port: hop.port, messages: 200, sessions: 5, to: "ann@example.org" });
    assert.equal(await hop.deliveries(), 200);
    const { deliveries, counts } = await hop.kept();
    assert.equal(deliveries, 200);
    assert.equal(
      counts.reduce((sum, { copies }) => sum + copies, 0),
      200,
    );
    assert(counts.every(({ recipient }) => recipient === "ann@example.org"));

    await hop.misbehaves({ at: "mail", does: "answer", reply: "550 5.7.1 no" });
    await assert.rejects(runSmtpSource({ port: hop.port, messages: 1, sessions: 1 }));
    await hop.behaves();
    await runSmtpSource({ port: hop.port, messages: 1, sessions: 1 });
    assert.equal(await hop.deliveries(), 201);
  });
});
