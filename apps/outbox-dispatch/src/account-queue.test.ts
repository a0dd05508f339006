import type { ClaimRequest, DeliveryRecord, Transmission } from "@mailfleet/store";
import { expect, test } from "vitest";
import { openAccountQueues, queueLimits } from "./account-queue.ts";
import type { Outbox } from "./outbox.ts";

/** An outbox that holds `mail` in order, and remembers what was asked of it. */
function outboxWith(mail: number) {
  let next = 0;
  const asked: ClaimRequest[] = [];
  const returned: DeliveryRecord[] = [];
  const outbox = {
    async claim(request: ClaimRequest) {
      asked.push(request);
      const transmissions = Array.from({ length: Math.min(request.want, mail - next) }, () => {
        next++;
        return { deliveryUid: `d${next}`, tenantId: "t", workerId: 1, attempt: 1, band: 2 } as Transmission;
      });
      const claims = transmissions.map(({ deliveryUid }) => ({
        deliveryUid,
        band: 2,
        seq: Number(deliveryUid.slice(1)),
      }));
      return { blocked: false, transmissions, claims };
    },
    async record(record: DeliveryRecord) {
      returned.push(record);
    },
  } as unknown as Outbox;
  const arrive = (more: number) => {
    mail += more;
  };
  return { outbox, asked, returned, arrive };
}

test("lanes of one account share its claims, and each delivery is carried once", async () => {
  const { outbox } = outboxWith(100);
  const queues = openAccountQueues(outbox, () => 0);
  const [a, b] = [queues.join(1, false), queues.join(1, false)];
  const carried: string[] = [];
  const carry = async (queue: typeof a) => {
    for (let one = await queue.next(); one; one = await queue.next()) carried.push(one.deliveryUid);
  };
  await Promise.all([carry(a), carry(b)]);
  expect(carried).toHaveLength(100);
  expect(new Set(carried).size).toBe(100);
});

test("the next claim looks behind the last one, and the whole queue is looked at now and then", async () => {
  const { outbox, asked } = outboxWith(1_000);
  let now = 0;
  const queue = openAccountQueues(outbox, () => now).join(1, false);
  const carry = async (n: number) => {
    for (let i = 0; i < n; i++) await queue.next();
  };
  await carry(queueLimits.aheadPerLane + 1);
  expect(asked[0]?.heads).toEqual([0, 0, 0, 0, 0]);
  expect(asked[1]?.heads[2]).toBe(queueLimits.aheadPerLane);
  now += queueLimits.rescanMs;
  await carry(queueLimits.aheadPerLane * 2);
  expect(asked.slice(2).some(({ heads }) => heads[2] === 0)).toBe(true);
});

test("what was claimed and not carried goes back when the last lane leaves", async () => {
  const { outbox, returned } = outboxWith(10);
  const queues = openAccountQueues(outbox, () => 0);
  const [a, b] = [queues.join(1, false), queues.join(1, false)];
  await a.next();
  a.leave();
  expect(returned).toHaveLength(0);
  b.leave();
  expect(returned.map(({ next }) => next.kind)).toEqual(Array.from({ length: 9 }, () => "back"));
});

test("one lane that runs dry waits for the account's next mail, and the others leave", async () => {
  const { outbox, arrive } = outboxWith(2);
  const lingering = Promise.withResolvers<void>();
  const queues = openAccountQueues(
    outbox,
    () => 0,
    () => lingering.promise,
  );
  const [a, b] = [queues.join(1, false), queues.join(1, false)];
  await a.next();
  await b.next();
  const waits = a.next();
  await new Promise(setImmediate);
  expect(await b.next()).toBeUndefined();
  arrive(1);
  lingering.resolve();
  expect((await waits)?.deliveryUid).toBe("d3");
});

test("a lane that has carried nothing waits for nothing", async () => {
  const { outbox } = outboxWith(0);
  const queues = openAccountQueues(
    outbox,
    () => 0,
    () => Promise.reject(new Error("it waited")),
  );
  expect(await queues.join(1, false).next()).toBeUndefined();
});
