/** Processes of the way in are killed at random; the whole of the promise is in inbound-chaos-peers.soak.test.ts. */
import { test } from "vitest";
import { answersAllInChaos } from "./inbound-in-chaos.ts";

test(
  "whichever process dies every second, each message is answered once, and mailboxes have an owner again in time",
  {
    timeout: 180_000,
  },
  () => answersAllInChaos({ mail: 200, strikes: 14 }),
);
