/** The kill switches: of a tenant, and of the whole fleet. A mailbox has one of its own. */
import { z } from "zod";
import type { ApiDeps } from "../api-deps.ts";
import { problemResponse } from "../schemas/problem.ts";
import { actorOf, type Server } from "../server.ts";

const tags = ["answering"];
const switchState = z
  .object({
    stopped: z.boolean().describe("By the tenant's switch or the fleet's."),
    stoppedBy: z.enum(["tenant", "fleet"]).nullable().describe("The wider of those that are set."),
  })
  .meta({ id: "AnsweringSwitch" });

export function answeringRoutes(app: Server, { store }: ApiDeps): void {
  async function stateOf(tenantId: string | undefined): Promise<z.output<typeof switchState>> {
    const stoppedBy = await store.inbound.answeringStoppedBy(tenantId);
    return { stopped: stoppedBy !== null, stoppedBy };
  }

  app.get(
    "/v1/answering",
    {
      config: { access: "read", tenant: "optional" },
      schema: {
        tags,
        summary: "Whether anything is answered",
        response: { 200: switchState, default: problemResponse },
      },
    },
    async (request) => stateOf(request.tenantId),
  );

  for (const [verb, summary] of [
    ["stop", "The kill switch: nothing of the tenant's, or of the whole fleet's, is answered any more"],
    ["start", "Answer again, and first what has waited"],
  ] as const) {
    app.post(
      `/v1/answering/${verb}`,
      {
        config: { access: "manage", tenant: "optional" },
        schema: {
          tags,
          summary,
          description: "The admin who names no tenant means the fleet. What waits, waits on; nothing is lost.",
          response: { 200: switchState, default: problemResponse },
        },
      },
      async (request) => {
        const { tenantId } = request;
        const actor = actorOf(request);
        if (verb === "stop") await store.inbound.stopAnswering(tenantId, actor);
        else await store.inbound.startAnswering(tenantId);
        await store.commandLog.add({
          actor,
          tenantId: tenantId ?? null,
          command: `answering.${verb}`,
          target: null,
          detail: {},
        });
        return stateOf(tenantId);
      },
    );
  }
}
