/** Submitting, finding, showing and cancelling messages. */
import type { Message, MessageDetail } from "@mailfleet/store";
import { z } from "zod";
import type { ApiDeps } from "../api-deps.ts";
import { submitBatch } from "../batch.ts";
import { ProblemError } from "../problems.ts";
import { cancellation, message, messageDetail, messageQuery } from "../schemas/delivery.ts";
import { accepted, batchEnvelope, batchInput, batchResult, messageInput } from "../schemas/message.ts";
import { given, pageOf, showPage } from "../schemas/paging.ts";
import { id } from "../schemas/primitives.ts";
import { problemResponse } from "../schemas/problem.ts";
import { actorOf, type Server, tenantIdOf } from "../server.ts";
import { showAccepted } from "../show-accepted.ts";
import { submit } from "../submit.ts";
import type { TenantView } from "../tenant-views.ts";
import { invalidRequest, validatorCompiler } from "../validation.ts";

const params = z.strictObject({ id });
const read = { access: "read", tenant: "required" } as const;
const send = { access: "submit", tenant: "required" } as const;
const tags = ["messages"];

export function messageRoutes(app: Server, deps: ApiDeps): void {
  const { store, telemetry, tenantViews } = deps;

  const viewOf = async (tenantId: string): Promise<TenantView> => {
    const view = await tenantViews.get(tenantId);
    if (!view) throw new ProblemError("tenant_not_found");
    return view;
  };

  app.post(
    "/v1/messages",
    {
      config: send,
      schema: {
        tags,
        summary: "Submit a message",
        description:
          "202 is said after the message is durable. With an `id` (or the header `Idempotency-Key`) it may be sent again: the same content is answered 200 with the first result, another 409.",
        body: messageInput,
        response: { 200: accepted, 202: accepted, default: problemResponse },
      },
    },
    async (request, reply) => {
      const tenant = await viewOf(tenantIdOf(request));
      const messageId = idOf(request.body.id, request.headers["idempotency-key"]);
      const input = { ...request.body, ...(messageId !== undefined && { id: messageId }) };
      const acceptance = await submit(deps, tenant, input);
      return reply
        .code(acceptance.duplicate ? 200 : 202)
        .send(await showAccepted(store.messages, tenant.id, acceptance));
    },
  );

  app.post(
    "/v1/messages/batch",
    {
      config: send,
      // Documented as a whole, and judged message by message.
      validatorCompiler: ((route: { schema: z.ZodType; httpPart?: string }) =>
        validatorCompiler(route.httpPart === "body" ? { ...route, schema: batchEnvelope } : route)) as never,
      schema: {
        tags,
        summary: "Submit up to 1,000 messages",
        description:
          "Each message is accepted or rejected by itself. `defaults` stand in for what a message leaves out.",
        body: batchInput,
        response: { 202: batchResult, default: problemResponse },
      },
    },
    async (request, reply) => {
      const tenant = await viewOf(tenantIdOf(request));
      const body = request.body as unknown as z.output<typeof batchEnvelope>;
      return reply.code(202).send(await submitBatch(deps, tenant, body));
    },
  );

  app.get(
    "/v1/messages",
    {
      config: read,
      schema: {
        tags,
        summary: "Find messages, newest first",
        querystring: messageQuery,
        response: { 200: pageOf(message), default: problemResponse },
      },
    },
    async (request) => showPage(await store.messages.list(tenantIdOf(request), given(request.query)), showMessage),
  );

  app.get(
    "/v1/messages/:id",
    {
      config: read,
      schema: {
        tags,
        summary: "Show a message and its deliveries",
        params,
        response: { 200: messageDetail, default: problemResponse },
      },
    },
    async (request) => {
      const found = await store.messages.get(tenantIdOf(request), request.params.id);
      if (!found) throw new ProblemError("message_not_found");
      return showDetail(found);
    },
  );

  app.delete(
    "/v1/messages/:id",
    {
      config: send,
      schema: {
        tags,
        summary: "Cancel what is not sent yet",
        description: "Answered for each delivery, since some may be on their way or have ended.",
        params,
        response: { 200: cancellation, default: problemResponse },
      },
    },
    async (request) => {
      const tenantId = tenantIdOf(request);
      const cancelled = await store.messages.cancel(tenantId, request.params.id);
      if (!cancelled) throw new ProblemError("message_not_found");
      const by = request.principal?.kind === "admin" ? "admin" : "tenant";
      for (const { id: deliveryId, recipient, result } of cancelled) {
        if (result !== "cancelled") continue;
        telemetry.cancelled({ deliveryId, messageId: request.params.id, tenantId, recipient, by });
      }
      await store.commandLog.add({
        actor: actorOf(request),
        tenantId,
        command: "message.cancel",
        target: request.params.id,
        detail: { cancelled: cancelled.filter(({ result }) => result === "cancelled").length },
      });
      return { deliveries: cancelled.map((one) => ({ ...one })) };
    },
  );
}

/** The header is the default of the field; both, differing, is a mistake that must not pass as either. */
function idOf(own: string | undefined, header: string | string[] | undefined): string | undefined {
  if (header === undefined) return own;
  const parsed = id.safeParse(header);
  if (!parsed.success) {
    throw invalidRequest([
      { path: "Idempotency-Key", code: "bad_format", detail: "Letters, digits and . _ ~ -, at most 128." },
    ]);
  }
  if (own !== undefined && own !== parsed.data) throw new ProblemError("idempotency_key_differs");
  return parsed.data;
}

/** What is the fleet's own (uids of accounts, the tenant) is left out by the schema of the answer. */
function showMessage(found: Message) {
  return {
    ...found,
    returnPath: found.reversePath === "" ? "<>" : found.reversePath,
    from: found.headerFrom,
    tags: [...(found.tags ?? [])],
  };
}

function showDetail(found: MessageDetail) {
  return { ...showMessage(found), deliveries: found.deliveries.map((delivery) => ({ ...delivery })) };
}
