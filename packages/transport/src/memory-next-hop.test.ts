import { nextHopContract } from "./testing/contract.ts";
import { memoryHop } from "./testing/memory-next-hop.ts";

nextHopContract("memory", async () => {
  const hop = memoryHop();
  const nextHop = hop.connection();
  return {
    nextHop,
    misbehaves: hop.misbehaves,
    keptDeliveries: () => hop.kept.deliveries,
    [Symbol.asyncDispose]: () => nextHop[Symbol.asyncDispose](),
  };
});
