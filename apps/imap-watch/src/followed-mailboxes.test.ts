import type { WatchedMailbox } from "@mailfleet/store";
import { expect, test } from "vitest";
import { type FollowedMailboxesDeps, openFollowedMailboxes } from "./followed-mailboxes.ts";

test("where more mailboxes have news than one look takes, the next looks go on with the others, and begin again", async () => {
  const uids = Array.from({ length: 2_400 }, (_, n) => n + 1);
  const looks: (readonly [number, number | undefined])[] = [];
  const heeded: number[] = [];
  const deps: Pick<FollowedMailboxesDeps, "shards" | "ownership"> = {
    shards: {
      mailboxes: async () => [],
      async news(_shards, _sinceMs, { afterUid, limit }) {
        const page = uids.filter((uid) => uid > afterUid).slice(0, limit);
        looks.push([afterUid, page.at(-1)]);
        return page.map((mailboxUid): WatchedMailbox => ({ ...mailbox, mailboxUid, shard: mailboxUid }));
      },
    },
    // Another's by now: nobody begins to follow it.
    ownership: (shard) => void heeded.push(shard),
  };
  const mailboxes = openFollowedMailboxes(deps as FollowedMailboxesDeps);
  for (let n = 0; n < 4; n++) await mailboxes.heed([0]);
  expect(looks).toEqual([
    [0, 1_000],
    [1_000, 2_000],
    [2_000, 2_400],
    [0, 1_000],
  ]);
  expect(heeded.slice(0, uids.length)).toEqual(uids);
});

const mailbox = { tenantId: "acme", revision: 1, isTenantActive: true, isAsked: false, hasActions: true };
