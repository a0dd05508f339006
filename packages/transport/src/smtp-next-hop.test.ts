import { startMisbehavingHop } from "@mailfleet/testkit";
import type { NextHop } from "./next-hop.ts";
import { openNextHop } from "./smtp-next-hop.ts";
import { nextHopContract } from "./testing/contract.ts";

// Only where a next hop is told to stall: elsewhere a slow machine must not look like one.
const shortLimits = { greetingMs: 200, ehloMs: 200, commandMs: 200, finalDotMs: 200, quitMs: 200 };
const extensions = ["SIZE 52428800", "8BITMIME"];

for (const [name, options] of [
  ["SMTP", {}],
  ["SMTP without pipelining", { extensions }],
  ["LMTP", { lmtp: true }],
] as const) {
  nextHopContract(name, async () => {
    const hop = await startMisbehavingHop(options);
    const lmtp = "lmtp" in options;
    let stalls = false;
    let nextHop: NextHop | undefined;
    return {
      get nextHop() {
        const settings = { host: hop.host, port: hop.port, security: "none", lmtp } as const;
        nextHop ??= openNextHop(settings, { timeLimits: stalls ? shortLimits : { quitMs: 200 } });
        return nextHop;
      },
      misbehaves(fault) {
        stalls ||= fault.does === "stall";
        hop.misbehaves(fault);
      },
      keptDeliveries: () => hop.deliveries,
      async [Symbol.asyncDispose]() {
        await nextHop?.[Symbol.asyncDispose]();
        await hop[Symbol.asyncDispose]();
      },
    };
  });
}
