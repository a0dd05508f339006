/** Deliveries: one message for one recipient, with what was tried; and what people decide about them. */
import { z } from "zod";
import type { ApiDeps } from "../api-deps.ts";
import { type ProblemCode, ProblemError } from "../problems.ts";
import {
  deadLetter,
  deadLetterQuery,
  delivery,
  deliveryDetail,
  deliveryQuery,
  releaseInput,
} from "../schemas/delivery.ts";
import { given, pageOf, showPage } from "../schemas/paging.ts";
import { id } from "../schemas/primitives.ts";
import { problemResponse } from "../schemas/problem.ts";
import { actorOf, type Server, tenantIdOf } from "../server.ts";

const params = z.strictObject({ id });
const read = { access: "read", tenant: "required" } as const;
const send = { access: "submit", tenant: "required" } as const;
const tags = ["deliveries"];

const resendProblems = {
  not_ended: "delivery_not_ended",
  already_sent: "delivery_sent",
  already_resent: "delivery_resent",
  content_gone: "content_gone",
  account_gone: "account_gone",
} as const satisfies Record<string, ProblemCode>;

export function deliveryRoutes(app: Server, { store, telemetry, wake }: ApiDeps): void {
  app.get(
    "/v1/deliveries",
    {
      config: read,
      schema: {
        tags,
        summary: "Find deliveries, newest first",
        querystring: deliveryQuery,
        response: { 200: pageOf(delivery), default: problemResponse },
      },
    },
    async (request) => showPage(await store.deliveries.list(tenantIdOf(request), given(request.query)), (one) => one),
  );

  app.get(
    "/v1/deliveries/:id",
    {
      config: read,
      schema: {
        tags,
        summary: "Show a delivery, its attempts in order, and what has come in about it",
        params,
        response: { 200: deliveryDetail, default: problemResponse },
      },
    },
    async (request) => {
      const found = await store.deliveries.get(tenantIdOf(request), request.params.id);
      if (!found) throw new ProblemError("delivery_not_found");
      return { ...found, attempts: [...found.attempts], reports: [...found.reports] };
    },
  );

  app.post(
    "/v1/deliveries/:id/resend",
    {
      config: send,
      schema: {
        tags,
        summary: "Send again what has ended, but was not sent",
        description: "Makes a new delivery; the old one stays on record.",
        params,
        response: { 201: delivery, default: problemResponse },
      },
    },
    async (request, reply) => {
      const tenantId = tenantIdOf(request);
      const resent = await store.deliveries.resend(tenantId, request.params.id);
      if (resent.kind === "not_found") throw new ProblemError("delivery_not_found");
      if (resent.kind === "refused") throw new ProblemError(resendProblems[resent.code], resent.detail);
      wake(resent.accountUid, { express: false });
      await store.commandLog.add({
        actor: actorOf(request),
        tenantId,
        command: "delivery.resend",
        target: request.params.id,
        detail: { delivery: resent.delivery.id },
      });
      return reply.code(201).send(resent.delivery);
    },
  );

  app.post(
    "/v1/deliveries/:id/release",
    {
      config: send,
      schema: {
        tags,
        summary: "Decide about a held delivery",
        description: "Who decided is recorded.",
        params,
        body: releaseInput,
        response: { 200: deliveryDetail, default: problemResponse },
      },
    },
    async (request) => {
      const tenantId = tenantIdOf(request);
      const released = await store.deliveries.release(
        tenantId,
        request.params.id,
        request.body.action,
        actorOf(request),
      );
      if (released.kind === "not_found") throw new ProblemError("delivery_not_found");
      if (released.kind === "refused") throw new ProblemError("delivery_not_held", released.detail);
      if (released.mayBeSent) wake(released.accountUid, { express: false });
      const found = await store.deliveries.get(tenantId, request.params.id);
      if (!found) throw new ProblemError("delivery_not_found");
      if (request.body.action === "cancel") {
        const { id: deliveryId, messageUid: messageId, recipient } = found;
        const by = request.principal?.kind === "admin" ? "admin" : "tenant";
        telemetry.cancelled({ deliveryId, messageId, tenantId, recipient, by });
      }
      return { ...found, attempts: [...found.attempts], reports: [...found.reports] };
    },
  );

  app.get(
    "/v1/dead-letters",
    {
      config: read,
      schema: {
        tags,
        summary: "Find deliveries that were given up, newest first",
        querystring: deadLetterQuery,
        response: { 200: pageOf(deadLetter), default: problemResponse },
      },
    },
    async (request) =>
      showPage(await store.deliveries.deadLetters(tenantIdOf(request), given(request.query)), (one) => one),
  );
}
