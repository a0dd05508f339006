import type { Transmission } from "@mailfleet/store";
import { expect, onTestFinished, test } from "vitest";
import { openAccountQueues } from "./account-queue.ts";
import type { Outbox } from "./outbox.ts";

test("a claim ahead of need that fails ends no process: the lane that runs out of mail hears of it", async () => {
  const unheard: unknown[] = [];
  const hear = (error: unknown) => void unheard.push(error);
  process.on("unhandledRejection", hear);
  onTestFinished(() => void process.off("unhandledRejection", hear));
  let claims = 0;
  const failed = Promise.withResolvers<void>();
  const outbox: Pick<Outbox, "claim"> = {
    async claim({ want }) {
      if (claims++ === 0) return claimed(want);
      failed.resolve();
      throw new Error("the database is away");
    },
  };
  const queue = openAccountQueues(outbox as Outbox).join(1, false);
  const first = await queue.next();
  let taken = 1;
  while (claims < 2 && (await queue.next())) taken++;
  await failed.promise;
  await new Promise(setImmediate); // Node tells of unheard rejections before it.
  expect(first).toBeDefined();
  expect(unheard).toEqual([]);
  await expect(
    (async () => {
      while (await queue.next()) taken++;
    })(),
  ).rejects.toThrow("the database is away");
  expect(taken).toBe(12);
});

function claimed(want: number) {
  const transmissions = Array.from({ length: want }, (_, n) => ({
    deliveryUid: `delivery-${n}`,
    messageUid: `message-${n}`,
    band: 2,
    attempt: 1,
    crashes: 0,
    seq: n + 1,
  }));
  return { blocked: false, claims: transmissions, transmissions: transmissions as unknown as Transmission[] };
}
