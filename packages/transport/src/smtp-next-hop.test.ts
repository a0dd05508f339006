import { startMisbehavingHop } from "@mailfleet/testkit";
import { openNextHop } from "./smtp-next-hop.ts";
import { nextHopContract } from "./testing/contract.ts";

const timeLimits = { greetingMs: 200, ehloMs: 200, commandMs: 300, finalDotMs: 300, quitMs: 200 };
const extensions = ["SIZE 52428800", "8BITMIME"];

for (const [name, options] of [
  ["SMTP", {}],
  ["SMTP without pipelining", { extensions }],
  ["LMTP", { lmtp: true }],
] as const) {
  nextHopContract(name, async () => {
    const hop = await startMisbehavingHop(options);
    const lmtp = "lmtp" in options;
    const nextHop = openNextHop({ host: hop.host, port: hop.port, security: "none", lmtp }, { timeLimits });
    return {
      nextHop,
      misbehaves: hop.misbehaves,
      keptDeliveries: () => hop.deliveries,
      async [Symbol.asyncDispose]() {
        await nextHop[Symbol.asyncDispose]();
        await hop[Symbol.asyncDispose]();
      },
    };
  });
}
