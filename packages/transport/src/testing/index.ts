/** For tests alone: the contract of every NextHop, and one without a network. */
export { content, envelopeTo, nextHopContract, type Rig } from "./contract.ts";
export { type MemoryHop, memoryHop } from "./memory-next-hop.ts";
