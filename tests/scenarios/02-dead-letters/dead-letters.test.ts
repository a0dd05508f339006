import { startMisbehavingHop } from "@mailfleet/testkit";
import { expect, test } from "vitest";
import { startOneProcessFleet } from "../../fleet/one-process-fleet.ts";

const refusing = async () => {
  const hop = await startMisbehavingHop();
  hop.answers("rcpt", "550 5.1.1 no such user", { recipient: "nobody@recipient.test" });
  return hop;
};

test("a permanent error dead-letters at once, and a resend starts anew", async () => {
  await using hop = await refusing();
  await using fleet = await startOneProcessFleet();
  await fleet.tenant("acme", { port: hop.port });
  await fleet.startSender();

  const { deliveries } = await fleet.send("acme", { to: ["nobody@recipient.test"] });
  const [dead] = await fleet.reaches("acme", 1, ["dead_lettered"]);
  expect([dead?.attemptCount, dead?.lastStatus]).toEqual([1, "5.1.1"]);
  const letters = await fleet.ask("GET", "/v1/dead-letters", "acme");
  expect(letters.body.items).toHaveLength(1);

  hop.behaves();
  const resent = await fleet.ask("POST", `/v1/deliveries/${deliveries[0]?.id}/resend`, "acme");
  expect([resent.status, resent.body.resendOf]).toEqual([201, deliveries[0]?.id]);
  const both = await fleet.reaches("acme", 2, ["sent", "dead_lettered"]);
  expect(both.map(({ state }) => state).toSorted()).toEqual(["dead_lettered", "sent"]);
  expect((await fleet.ask("POST", `/v1/deliveries/${deliveries[0]?.id}/resend`, "acme")).status).toBe(409);
});

test("who submitted over SMTP gets exactly one DSN, from nobody, and is told what and why", async () => {
  await using hop = await refusing();
  await using fleet = await startOneProcessFleet();
  await fleet.tenant("acme", { port: hop.port });
  await fleet.startSender();

  expect(await fleet.sendBySmtp("acme", { recipients: ["nobody@recipient.test", "ann@recipient.test"] })).toBe(250);
  const ended = await fleet.reaches("acme", 3, ["sent", "dead_lettered"]);
  expect(ended.map(({ recipient, state }) => [recipient, state]).toSorted()).toEqual([
    ["ann@recipient.test", "sent"],
    ["nobody@recipient.test", "dead_lettered"],
    ["us@sender.test", "sent"],
  ]);

  const dsns = hop.messages.filter(({ reversePath }) => reversePath === "");
  expect(dsns).toHaveLength(1);
  expect(dsns[0]?.recipients).toEqual(["us@sender.test"]);
  const text = dsns[0]?.content.toString() ?? "";
  expect(text).toContain("report-type=delivery-status");
  expect(text).toContain("Final-Recipient: rfc822; nobody@recipient.test");
  expect(text).toContain("Status: 5.1.1");
});

test("a DSN that is refused itself is a dead letter, and the end of it", async () => {
  await using hop = await refusing();
  hop.answers("rcpt", "550 5.1.1 no such user", { recipient: "us@sender.test" });
  await using fleet = await startOneProcessFleet();
  await fleet.tenant("acme", { port: hop.port });
  await fleet.startSender();

  expect(await fleet.sendBySmtp("acme", { recipients: ["nobody@recipient.test"] })).toBe(250);
  await fleet.reaches("acme", 2, ["dead_lettered"]);
  expect(hop.messages).toEqual([]);
});

test("mail that was given to the API gets no DSN", async () => {
  await using hop = await refusing();
  await using fleet = await startOneProcessFleet();
  await fleet.tenant("acme", { port: hop.port });
  await fleet.startSender();

  await fleet.send("acme", { to: ["nobody@recipient.test"] });
  await fleet.reaches("acme", 1, ["dead_lettered"]);
  await fleet.send("acme");
  await fleet.reaches("acme", 2, ["dead_lettered", "sent"]);
  expect(hop.messages).toHaveLength(1);
});
