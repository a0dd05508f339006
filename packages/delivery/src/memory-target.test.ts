import { expect, test } from "vitest";
import { memoryTarget } from "./memory-target.ts";
import { reply } from "./replies.ts";
import { deliveryTargetContract, letter } from "./testing/contract.ts";
import { sender } from "./testing/outbox-rig.ts";

deliveryTargetContract("memory", async () => {
  const target = memoryTarget();
  return {
    target,
    sender,
    kept: async () =>
      target.messages.map(({ sender: { reversePath }, recipients }) => ({
        reversePath,
        recipients: recipients.map(({ address }) => address),
      })),
    async [Symbol.asyncDispose]() {},
  };
});

test("a recipient that is refused is not among those who get the message", async () => {
  const target = memoryTarget({
    refuses: ({ address }) => (address.startsWith("no") ? reply(550, "5.1.1", "No such user") : undefined),
  });
  const started = await target.start(sender);
  if (started.kind !== "started") throw new Error("refused");
  expect(await started.transaction.addRecipient({ address: "nobody@example.net" })).toMatchObject({ code: 550 });
  expect(await started.transaction.addRecipient({ address: "bob@example.net" })).toBeUndefined();
  await started.transaction.body(letter());
  await started.transaction.commit();
  expect(target.messages[0]?.recipients).toEqual([{ address: "bob@example.net" }]);
});
