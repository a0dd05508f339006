import type { Messages } from "@mailfleet/store";
import type { z } from "zod";
import type { accepted } from "./schemas/message.ts";
import type { Accepted } from "./submit.ts";

/**
 * The answer to a submission. The first result of an id that was seen before keeps its ids; how its deliveries stand
 * is told as of now.
 */
export async function showAccepted(
  messages: Pick<Messages, "get">,
  tenantId: string,
  acceptance: Accepted,
): Promise<z.output<typeof accepted>> {
  const { id, messageId, deliveries } = acceptance;
  if (!acceptance.duplicate) {
    const pending = deliveries.map(({ uid, recipient }) => ({ id: uid, recipient, state: "pending" as const }));
    return { id, messageId, state: "pending", deliveries: pending };
  }
  const found = await messages.get(tenantId, id);
  const states = new Map(found?.deliveries.map((delivery) => [delivery.id, delivery.state]));
  return {
    id,
    messageId,
    state: found?.state ?? "done", // Retention removes only what has ended.
    deliveries: deliveries.flatMap(({ uid, recipient }) => {
      const state = states.get(uid);
      return state ? [{ id: uid, recipient, state }] : [];
    }),
  };
}
