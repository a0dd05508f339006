import type { NextHop } from "@mailfleet/transport";
import type { Actor } from "./timeline.ts";
import type { World } from "./world.ts";

type Fault = Parameters<World["hop"]["misbehaves"]>[0];

/** What may go wrong with one message; what the next hop does with it is decided when it gets there. */
const faults: readonly Omit<Fault, "recipient" | "times">[] = [
  { at: "mail", does: "answer", reply: "421 4.3.2 closing" },
  { at: "mail", does: "answer", reply: "451 4.3.0 not now" },
  { at: "rcpt", does: "answer", reply: "451 4.7.1 greylisted" },
  { at: "rcpt", does: "answer", reply: "550 5.1.1 no such user" },
  { at: "rcpt", does: "hang_up" },
  { at: "data", does: "answer", reply: "451 4.3.0 not now" },
  { at: "content", does: "hang_up" },
  { at: "final-dot", does: "answer", reply: "451 4.3.0 not now" },
  { at: "final-dot", does: "answer", reply: "554 5.6.0 not this" },
  { at: "final-dot", does: "answer", reply: "421 4.3.2 closing" },
  { at: "final-dot", does: "hang_up", keeps: true },
  { at: "final-dot", does: "hang_up", keeps: false },
  { at: "final-dot", does: "stall", keeps: true },
  { at: "final-dot", does: "stall", keeps: false },
];

/** Replies of people who will not have it are rarer than those of servers that are not well. */
const connectFaults: readonly Omit<Fault, "times">[] = [
  { at: "greeting", does: "answer", reply: "421 4.3.2 too busy" },
  { at: "greeting", does: "stall" },
  { at: "auth", does: "answer", reply: "454 4.7.0 not now" },
];

/**
 * A connection of a process's to the world's next hop. `finishing` is called at the very moment at which the end of the
 * content leaves, for the recipient that it is for.
 */
export function openSimulatedNextHop(world: World, actor: Actor, finishing: (recipient: string) => void): NextHop {
  const { random, timeline, hop, plan } = world;
  const latency = () =>
    world.isTroubled && random.chance(plan.trouble.slowNextHop) ? random.between(2_000, 15_000) : random.between(1, 60);
  const connection = hop.connection(() => timeline.wait(actor, "", latency()));
  const isDue = (probability: number) => world.isTroubled && random.chance(probability);
  const freeze = () => {
    const ms = random.between(2_000, 25_000);
    actor.frozenUntilMs = timeline.nowMs + ms;
    timeline.note(`${actor.name} is frozen for ${ms} ms`);
  };

  return {
    async connect() {
      if (isDue(plan.trouble.connectFault)) hop.misbehaves({ ...random.pick(connectFaults), times: 1 });
      const refused = await connection.connect();
      timeline.note(`${actor.name} connects${refused ? `: ${refused.status} ${refused.reason}` : ""}`);
      return refused;
    },
    async send(envelope, content, mayFinish) {
      const [recipient = ""] = envelope.recipients.map(({ address }) => address);
      if (isDue(plan.trouble.nextHopFault)) hop.misbehaves({ ...random.pick(faults), recipient, times: 1 });
      if (isDue(plan.trouble.frozenBeforeEnd)) freeze();
      const [result] = await connection.send(envelope, content, () => {
        const may = mayFinish();
        timeline.note(`${actor.name} ${may ? "finishes" : "may not finish"} ${recipient}`);
        if (may) finishing(recipient);
        if (may && isDue(plan.trouble.frozenAfterEnd)) freeze();
        return may;
      });
      timeline.note(`${actor.name} sent ${recipient}: ${result?.kind}`);
      return result ? [result] : [];
    },
    get usable() {
      return connection.usable;
    },
    [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
  };
}
