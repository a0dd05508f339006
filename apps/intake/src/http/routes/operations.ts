/** What operators look at and set going. */
import { z } from "zod";
import type { ApiDeps } from "../api-deps.ts";
import { ProblemError } from "../problems.ts";
import { health, loggedCommand, stats } from "../schemas/operations.ts";
import { given, pageOf, paging, showPage } from "../schemas/paging.ts";
import { id } from "../schemas/primitives.ts";
import { problemResponse } from "../schemas/problem.ts";
import type { Server } from "../server.ts";

const read = { access: "read", tenant: "optional" } as const;
const manage = { access: "manage", tenant: "optional" } as const;
const tags = ["operations"];

export function operationRoutes(app: Server, { store, wake, sendable, inboundScale, health: probes }: ApiDeps): void {
  app.get(
    "/v1/stats",
    {
      config: read,
      schema: {
        tags,
        summary: "Where mail stands",
        description: "Of the tenant, or of all where the admin names none.",
        response: { 200: stats, default: problemResponse },
      },
    },
    async (request) => {
      const found = await store.stats(request.tenantId);
      return { ...found, accounts: [...found.accounts] };
    },
  );

  app.post(
    "/v1/dispatch/run",
    {
      config: manage,
      schema: {
        tags,
        summary: "Wake every account that has mail due",
        description: "Nothing waits for this: a sweep finds what is due. It only makes it sooner.",
        response: { 202: z.object({ accounts: z.int().describe("Accounts woken.") }), default: problemResponse },
      },
    },
    async (request, reply) => {
      const due = await sendable.accounts(request.tenantId);
      for (const uid of due) wake(uid, { express: false });
      return reply.code(202).send({ accounts: due.length });
    },
  );

  app.get(
    "/v1/scale/:pool",
    {
      config: { access: "admin" },
      schema: {
        tags,
        summary: "What a pool of workers is scaled on",
        description:
          "`dispatch`: deliveries that may be sent now. `answers`: messages that may be answered now. `mailboxes`: those that are to be followed.",
        params: z.strictObject({ pool: id }),
        response: { 200: z.object({ value: z.number() }), default: problemResponse },
      },
    },
    async (request) => {
      switch (request.params.pool) {
        case "dispatch":
          return { value: await sendable.count() };
        case "answers":
          return { value: await inboundScale.answers() };
        case "mailboxes":
          return { value: await inboundScale.mailboxes() };
        default:
          throw new ProblemError("pool_not_found");
      }
    },
  );

  app.get(
    "/v1/command-log",
    {
      config: read,
      schema: {
        tags,
        summary: "What people had done, newest first",
        querystring: z.strictObject(paging),
        response: { 200: pageOf(loggedCommand), default: problemResponse },
      },
    },
    async (request) =>
      showPage(await store.commandLog.list(request.tenantId, given(request.query)), (one) => ({
        ...one,
        detail: { ...one.detail },
      })),
  );

  const config = { access: "public" } as const;
  app.get(
    "/health/live",
    { config, schema: { tags: ["health"], summary: "Is it stuck?", response: { 200: health, 503: health } } },
    async (_request, reply) => {
      const report = probes.live();
      return reply.code(report.status === "ok" ? 200 : 503).send({ ...report, checks: { ...report.checks } });
    },
  );
  app.get(
    "/health/ready",
    { config, schema: { tags: ["health"], summary: "Should work come here?", response: { 200: health, 503: health } } },
    async (_request, reply) => {
      const report = await probes.ready();
      return reply.code(report.status === "ok" ? 200 : 503).send({ ...report, checks: { ...report.checks } });
    },
  );
}
