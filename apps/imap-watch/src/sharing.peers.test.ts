import { type PrivateDovecot, privateDovecot } from "@mailfleet/testkit";
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { openWatchRig, type WatchRig, waiting } from "./testing/watch-rig.ts";

let dovecot: PrivateDovecot;
let rig: WatchRig;
const users = Array.from({ length: 6 }, (_, n) => `user${n}@example.org`);
beforeAll(async () => {
  dovecot = await privateDovecot(users);
  rig = await openWatchRig(dovecot);
});
afterAll(async () => {
  await rig?.[Symbol.asyncDispose]();
  await dovecot?.[Symbol.asyncDispose]();
});

const letter = (id: string) => `Message-ID: <${id}@example.net>\r\nSubject: ${id}\r\n\r\nhello\r\n`;
/** How many shards each watcher has, the most first. */
const shares = async () => {
  const rows = await rig.store.db.query<{ n: number }>(
    "select count(*)::int as n from mailfleet.shards where worker is not null group by worker order by 1 desc",
  );
  return rows.map(({ n }) => n);
};

test("who joins gets its share, who drains gives all of it back at once, and mail is recorded once throughout", async () => {
  const first = rig.watcher();
  const mailboxes = await Promise.all(users.map((user) => rig.mailbox(user)));
  for (const mailbox of mailboxes) await mailbox.is("following");
  expect(await shares()).toEqual([256]);

  const second = rig.watcher();
  const stop = new AbortController();
  const delivered: string[] = [];
  const deliverMail = async () => {
    for (let n = 0; !stop.signal.aborted; n++) {
      delivered.push(`${n}`);
      await dovecot.deliver(users[n % users.length] as string, letter(`${n}`));
    }
  };
  const delivering = deliverMail();
  onTestFinished(async () => {
    stop.abort();
    await delivering;
  });
  await vi.waitFor(async () => expect(await shares()).toEqual([128, 128]), waiting);
  // Nobody had to wait for a lease to lapse.
  expect([...first.events("lease_taken_over"), ...second.events("lease_taken_over")]).toEqual([]);

  const drainedAt = performance.now();
  await first.drain();
  await vi.waitFor(async () => expect(await shares()).toEqual([256]), waiting);
  expect(performance.now() - drainedAt).toBeLessThan(5_000);
  expect(second.events("lease_taken_over")).toEqual([]);
  stop.abort();
  await delivering;

  for (const [index, mailbox] of mailboxes.entries()) {
    await mailbox.has(...delivered.filter((_, n) => n % users.length === index));
  }
  expect(second.events("following_failed")).toEqual([]);
});
