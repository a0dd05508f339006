import { OverloadedError, type Submission } from "@mailfleet/store";
import { describe, expect, test } from "vitest";
import type { Sender } from "./delivery-target.ts";
import { type OutboxTargetOptions, outboxTarget } from "./outbox-target.ts";
import { deliveryTargetContract, letter } from "./testing/contract.ts";
import { openOutboxRig, sender } from "./testing/outbox-rig.ts";

deliveryTargetContract("outbox", openOutboxRig);

/** Hands one message to a target; the reply that ends it, whichever step gave it. */
async function submit(options: OutboxTargetOptions, content: Uint8Array, from: Partial<Sender> = {}) {
  const started = await outboxTarget(options).start({ ...sender, ...from });
  if (started.kind === "refused") return started.reply;
  const { transaction } = started;
  const refusal = (await transaction.addRecipient({ address: "bob@example.net" })) ?? (await transaction.body(content));
  return refusal ?? (await transaction.commit()).reply;
}

const mayAll: OutboxTargetOptions["policyOf"] = async () => ({ kind: "may_submit", senderLists: [] });
const failing = (error: Error): OutboxTargetOptions => ({
  acceptor: { accept: () => Promise.reject(error) },
  policyOf: mayAll,
});

test("the same id and content is accepted once, whatever trace fields the client added on its way", async () => {
  await using rig = await openOutboxRig();
  const again = Buffer.concat([Buffer.from("Received: by relay.example\r\nMailfleet-Id: order-7\r\n"), letter()]);
  const first = Buffer.concat([Buffer.from("Mailfleet-Id: order-7\r\n"), letter()]);
  const options = { acceptor: rig.acceptor, policyOf: mayAll };
  expect(await submit(options, first)).toMatchObject({ code: 250, text: "accepted as order-7" });
  expect(await submit(options, again)).toMatchObject({ code: 250, text: "accepted as order-7" });
  expect(await rig.kept()).toHaveLength(1);

  const other = Buffer.concat([Buffer.from("Mailfleet-Id: order-7\r\n"), letter("Other words")]);
  expect(await submit(options, other)).toMatchObject({ code: 550, status: "5.6.0" });
  expect(await rig.kept()).toHaveLength(1);
});

test("what has been accepted is told once, with the account whose mail it is", async () => {
  const told: { accountUid: number; submission: Submission }[] = [];
  await using rig = await openOutboxRig({
    onAccepted: ({ accountUid }, submission) => told.push({ accountUid, submission }),
  });
  const started = await rig.target.start(rig.sender);
  if (started.kind !== "started") throw new Error("refused");
  await started.transaction.addRecipient({ address: "bob@example.net" });
  await started.transaction.body(letter());
  expect(told).toEqual([]);
  await started.transaction.commit();
  expect(told).toHaveLength(1);
  expect(told[0]?.accountUid).toBeGreaterThan(0);
});

describe("what goes wrong is a reply", () => {
  test("an account that does not exist is refused for good", async () => {
    await using rig = await openOutboxRig();
    const options = { acceptor: rig.acceptor, policyOf: mayAll };
    const reply = await submit(options, letter(), { submitter: { tenantId: "acme", account: "none" } });
    expect(reply).toMatchObject({ code: 550, status: "5.7.1" });
    expect(await rig.kept()).toEqual([]);
  });

  test("a store that is away is 451, and the trouble is told", async () => {
    const troubles: unknown[] = [];
    const onTrouble = (error: unknown) => troubles.push(error);
    expect(await submit({ ...failing(new Error("gone")), onTrouble }, letter())).toMatchObject({
      code: 451,
      status: "4.3.0",
    });
    const policyOf = () => Promise.reject(new Error("gone"));
    expect(await submit({ ...failing(new Error("gone")), policyOf, onTrouble }, letter())).toMatchObject({ code: 451 });
    expect(troubles).toHaveLength(2);
  });

  test("a store with too much to do is 452", async () => {
    expect(await submit(failing(new OverloadedError("full")), letter())).toMatchObject({ code: 452, status: "4.3.1" });
  });

  test("nobody who is not authenticated gets past MAIL", async () => {
    const { submitter: _, ...stranger } = sender;
    const started = await outboxTarget(failing(new Error("unreachable"))).start(stranger);
    expect(started).toMatchObject({ kind: "refused", reply: { code: 530, status: "5.7.0" } });
  });
});

describe("a sender policy", () => {
  const options: OutboxTargetOptions = {
    ...failing(new OverloadedError("policy passed")),
    policyOf: async () => ({
      kind: "may_submit",
      senderLists: [
        ["ann@example.org", "bob@example.org", "@example.com"],
        ["ann@example.org", "@EXAMPLE.com"],
      ],
    }),
  };
  const passed = { code: 452 };
  const refused = { code: 550, status: "5.7.1" };
  const from = (value: string) => Buffer.from(`From: ${value}\r\n\r\nHello\r\n`);

  test.each([
    ["ann@example.org", "ann@example.org", passed],
    ["ANN@example.org", "Ann <ann@EXAMPLE.org>", passed],
    ["any@example.com", "any@example.com", passed],
    ["", "ann@example.org", passed],
    ["bob@example.org", "ann@example.org", refused],
    ["ann@sub.example.com", "ann@example.org", refused],
    ["ann@example.org", "eve@example.net", refused],
    ["ann@example.org", "ann@example.org, eve@example.net", refused],
    ["ann@example.org", '"ann@example.org" <eve@example.net>', refused],
  ])("reverse-path <%s> with From: %s", async (reversePath, header, expected) => {
    expect(await submit(options, from(header), { reversePath })).toMatchObject(expected);
  });
});
