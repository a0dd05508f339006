/** Recipients that a tenant must not mail. */
import { z } from "zod";
import type { ApiDeps } from "../api-deps.ts";
import { ProblemError } from "../problems.ts";
import { suppression, suppressionInput } from "../schemas/operations.ts";
import { given, pageOf, paging, showPage } from "../schemas/paging.ts";
import { address } from "../schemas/primitives.ts";
import { problemResponse } from "../schemas/problem.ts";
import { actorOf, type Server, tenantIdOf } from "../server.ts";

const params = z.strictObject({ address });
const read = { access: "read", tenant: "required" } as const;
const manage = { access: "manage", tenant: "required" } as const;
const tags = ["suppressions"];

export function suppressionRoutes(app: Server, { store }: ApiDeps): void {
  app.put(
    "/v1/suppressions/:address",
    {
      config: manage,
      schema: {
        tags,
        summary: "Suppress an address",
        params,
        body: suppressionInput,
        response: { 200: suppression, 201: suppression, default: problemResponse },
      },
    },
    async (request, reply) => {
      const tenantId = tenantIdOf(request);
      const { reason = "manual", note } = request.body;
      const put = await store.suppressions.put(tenantId, {
        address: request.params.address,
        reason,
        ...given({ note }),
      });
      if (!put) throw new ProblemError("tenant_not_found");
      await store.commandLog.add({
        actor: actorOf(request),
        tenantId,
        command: "suppression.put",
        target: put.suppression.address,
        detail: { reason },
      });
      return reply.code(put.created ? 201 : 200).send(put.suppression);
    },
  );

  app.get(
    "/v1/suppressions/:address",
    {
      config: read,
      schema: {
        tags,
        summary: "Show why an address is suppressed",
        params,
        response: { 200: suppression, default: problemResponse },
      },
    },
    async (request) => {
      const found = await store.suppressions.get(tenantIdOf(request), request.params.address);
      if (!found) throw new ProblemError("suppression_not_found");
      return found;
    },
  );

  app.get(
    "/v1/suppressions",
    {
      config: read,
      schema: {
        tags,
        summary: "List suppressed addresses",
        querystring: z.strictObject({ reason: z.string().min(1).max(64).optional(), ...paging }),
        response: { 200: pageOf(suppression), default: problemResponse },
      },
    },
    async (request) => showPage(await store.suppressions.list(tenantIdOf(request), given(request.query)), (one) => one),
  );

  app.delete(
    "/v1/suppressions/:address",
    {
      config: manage,
      schema: {
        tags,
        summary: "Let an address be mailed again",
        params,
        response: { 204: z.undefined().describe("Deleted."), default: problemResponse },
      },
    },
    async (request, reply) => {
      const tenantId = tenantIdOf(request);
      if (!(await store.suppressions.delete(tenantId, request.params.address))) {
        throw new ProblemError("suppression_not_found");
      }
      await store.commandLog.add({
        actor: actorOf(request),
        tenantId,
        command: "suppression.delete",
        target: request.params.address,
        detail: {},
      });
      return reply.code(204).send();
    },
  );
}
