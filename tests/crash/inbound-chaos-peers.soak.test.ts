/** As long as it takes 500 messages to come in, and then again from other seeds. */
import { test } from "vitest";
import { answersAllInChaos } from "./inbound-in-chaos.ts";

const rounds = 6;

test.for(Array.from({ length: rounds }, (_, round) => round))(
  "in round %i each of 500 messages is answered once, whichever process dies every second",
  () => answersAllInChaos({ mail: 500, strikes: 40 }),
);
