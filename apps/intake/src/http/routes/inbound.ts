/** What came in, what became of it, and what people decide about it. */
import { Readable } from "node:stream";
import { type InboundDetail, type InboundMessage, readWhole } from "@mailfleet/store";
import { z } from "zod";
import type { ApiDeps } from "../api-deps.ts";
import { type ProblemCode, ProblemError } from "../problems.ts";
import {
  approveInput,
  attachmentParams,
  attachments,
  inboundDetail,
  inboundMessage,
  inboundQuery,
  rejectInput,
  requeuedBatch,
  requeueInput,
} from "../schemas/inbound.ts";
import { given, pageOf, showPage } from "../schemas/paging.ts";
import { id } from "../schemas/primitives.ts";
import { problemResponse } from "../schemas/problem.ts";
import { actorOf, type Server, tenantIdOf } from "../server.ts";

const params = z.strictObject({ id });
const read = { access: "read", tenant: "required" } as const;
const manage = { access: "manage", tenant: "required" } as const;
const tags = ["inbound"];

const refusals = {
  not_awaiting_approval: "inbound_not_awaiting_approval",
  not_ended: "inbound_not_ended",
  was_answered: "inbound_answered",
  mailbox_gone: "mailbox_gone",
} as const satisfies Record<string, ProblemCode>;

export function inboundRoutes(app: Server, { store, parser, wakeAnswer }: ApiDeps): void {
  app.get(
    "/v1/inbound",
    {
      config: read,
      schema: {
        tags,
        summary: "Find what came in, newest first",
        querystring: inboundQuery,
        response: { 200: pageOf(inboundMessage), default: problemResponse },
      },
    },
    async (request) => showPage(await store.inbound.list(tenantIdOf(request), given(request.query)), show),
  );

  app.get(
    "/v1/inbound/:id",
    {
      config: read,
      schema: {
        tags,
        summary: "Tell a message's whole story, from its arrival to its answer's delivery",
        params,
        response: { 200: inboundDetail, default: problemResponse },
      },
    },
    async (request) => story(tenantIdOf(request), request.params.id),
  );

  async function story(tenantId: string, uid: string) {
    const found = await store.inbound.get(tenantId, uid);
    if (!found) throw new ProblemError("inbound_not_found");
    return { ...show(found), ...(await showDetail(tenantId, found)) };
  }

  async function showDetail(
    tenantId: string,
    { waitsFor, stoppedBy, answer, draft, transcript, decidedBy, decidedAt, steps, actions }: InboundDetail,
  ) {
    const sent = answer?.messageUid ? await store.messages.get(tenantId, answer.messageUid) : undefined;
    return {
      waitsFor,
      stoppedBy,
      draft: draft && { ...draft },
      transcript,
      decidedBy,
      decidedAt,
      steps: [...steps],
      actions: [...actions],
      answer: answer && {
        messageId: answer.messageId,
        message: answer.messageUid,
        state: sent?.state ?? null,
        answerer: answer.answerer,
        at: answer.at,
        deliveries: (sent?.deliveries ?? []).map((one) => ({
          id: one.id,
          recipient: one.recipient,
          state: one.state,
          lastReason: one.lastReason,
        })),
      },
    };
  }

  app.get(
    "/v1/inbound/:id/content",
    {
      config: read,
      schema: {
        tags,
        summary: "The message as it came in",
        params,
        response: { 200: z.unknown().describe("message/rfc822"), default: problemResponse },
      },
    },
    async (request, reply) => {
      const content = await contentOf(tenantIdOf(request), request.params.id);
      reply
        .header("content-disposition", 'attachment; filename="message.eml"')
        .type("message/rfc822")
        .serializer(asItIs);
      return reply.send("bytes" in content ? Buffer.from(content.bytes) : Readable.from(content.open()));
    },
  );

  app.get(
    "/v1/inbound/:id/attachments",
    {
      config: read,
      schema: {
        tags,
        summary: "List a message's attachments",
        params,
        response: { 200: attachments, default: problemResponse },
      },
    },
    async (request) => {
      const parsed = await parser.parse(await readWhole(await contentOf(tenantIdOf(request), request.params.id)));
      if (!parsed.ok) throw unread(parsed);
      const items = parsed.message.attachments.map(({ number, filename = null, contentType, sizeBytes }) => ({
        n: number,
        filename,
        contentType,
        sizeBytes,
      }));
      return { items };
    },
  );

  app.get(
    "/v1/inbound/:id/attachments/:n",
    {
      config: read,
      schema: {
        tags,
        summary: "One attachment, decoded; the first is 0",
        params: attachmentParams,
        response: { 200: z.unknown().describe("The attachment's bytes."), default: problemResponse },
      },
    },
    async (request, reply) => {
      const content = await contentOf(tenantIdOf(request), request.params.id);
      const bytes = await readWhole(content);
      const extracted = await parser.extractAttachment(bytes, request.params.n);
      if (!extracted.ok) throw unread(extracted);
      const { filename, content: attached } = extracted.attachment;
      // Never shown as what the sender says it is: a page of theirs would run as ours.
      reply
        .header(
          "content-disposition",
          `attachment; filename*=UTF-8''${encodeURIComponent(filename ?? `attachment-${request.params.n}`)}`,
        )
        .type("application/octet-stream")
        .serializer(asItIs);
      return reply.send(Buffer.from(attached));
    },
  );

  async function contentOf(tenantId: string, uid: string) {
    const content = await store.inbound.content(tenantId, uid);
    if (content) return content;
    throw new ProblemError((await store.inbound.get(tenantId, uid)) ? "content_gone" : "inbound_not_found");
  }

  app.post(
    "/v1/inbound/requeue",
    {
      config: manage,
      schema: {
        tags,
        summary: "Begin anew with what ended for one reason",
        description: "Oldest first. What was answered never is, nor what has no mailbox any more.",
        body: requeueInput,
        response: { 202: requeuedBatch, default: problemResponse },
      },
    },
    async (request, reply) => {
      const { cursor, ...filter } = given(request.body);
      const { uids, more } = await store.inbound.requeueAll(tenantIdOf(request), actorOf(request), {
        ...filter,
        ...(cursor !== undefined && { beyond: cursor }),
      });
      for (const uid of uids) wakeAnswer(uid);
      return reply.code(202).send({ requeued: uids.length, more, nextCursor: more ? (uids.at(-1) ?? null) : null });
    },
  );

  app.post(
    "/v1/inbound/:id/requeue",
    {
      config: manage,
      schema: {
        tags,
        summary: "Begin anew with a message that was not answered",
        params,
        response: { 202: inboundDetail, default: problemResponse },
      },
    },
    async (request, reply) => {
      const tenantId = tenantIdOf(request);
      settle(await store.inbound.requeue(tenantId, request.params.id, actorOf(request)));
      wakeAnswer(request.params.id);
      return reply.code(202).send(await story(tenantId, request.params.id));
    },
  );

  app.post(
    "/v1/inbound/:id/approve",
    {
      config: manage,
      schema: {
        tags,
        summary: "Send the draft that waits, as it is or as edited",
        params,
        body: approveInput,
        response: { 202: inboundDetail, default: problemResponse },
      },
    },
    async (request, reply) => {
      const tenantId = tenantIdOf(request);
      const draft = { ...given(request.body), by: actorOf(request) };
      settle(await store.inbound.approve(tenantId, request.params.id, draft));
      wakeAnswer(request.params.id);
      return reply.code(202).send(await story(tenantId, request.params.id));
    },
  );

  app.post(
    "/v1/inbound/:id/reject",
    {
      config: manage,
      schema: {
        tags,
        summary: "Do not send the draft that waits",
        params,
        body: rejectInput,
        response: { 200: inboundDetail, default: problemResponse },
      },
    },
    async (request) => {
      const tenantId = tenantIdOf(request);
      settle(await store.inbound.reject(tenantId, request.params.id, actorOf(request), request.body.note));
      return story(tenantId, request.params.id);
    },
  );
}

type Unread = Extract<Awaited<ReturnType<ApiDeps["parser"]["extractAttachment"]>>, { ok: false }>;

function unread({ code, detail }: Unread): ProblemError {
  if (code === "busy") return new ProblemError("overloaded", detail);
  return new ProblemError(code === "no_such_attachment" ? "attachment_not_found" : "inbound_unreadable", detail);
}

const asItIs = (payload: unknown) => payload as string;

function settle(decision: Awaited<ReturnType<ApiDeps["store"]["inbound"]["requeue"]>>): void {
  if (decision.kind === "not_found") throw new ProblemError("inbound_not_found");
  if (decision.kind === "refused") throw new ProblemError(refusals[decision.code], decision.detail);
}

function show(found: InboundMessage) {
  const { uid, headerFrom, folder, uidValidity, imapUid, flags, ...rest } = found;
  return { ...rest, id: uid, from: headerFrom, place: { folder, uidValidity, uid: imapUid }, flags: [...flags] };
}
