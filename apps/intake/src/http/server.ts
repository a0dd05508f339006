/** The HTTP listener: what every request goes through, whatever its route. */
import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Telemetry } from "@mailfleet/telemetry";
import Fastify, { type FastifyReply, type FastifyRequest } from "fastify";
import { serializerCompiler, type ZodTypeProvider } from "fastify-type-provider-zod";
import type { Access, AuthGuard, Principal } from "./auth.ts";
import { readBody, readJsonBody } from "./json-body.ts";
import { type HttpLimits, openBudget, type Share } from "./limits.ts";
import type { ProblemReader } from "./problem-of.ts";
import { type ProblemDetails, ProblemError, problemDetails } from "./problems.ts";
import { validatorCompiler } from "./validation.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** What the route asks of a key; a route that says nothing is for the admin only. */
    access?: Access;
    /** Whether the admin must name a tenant; tenants' keys always do. */
    tenant?: "required" | "optional";
    /** What it takes beside JSON, as people are told who send something else. */
    alsoTakes?: "message/rfc822";
  }
  interface FastifyRequest {
    share: Share | undefined;
    principal: Principal | undefined;
    /** The tenant that the request is about. */
    tenantId: string | undefined;
    startedMs: number;
  }
}

export interface ServerParts {
  readonly guard: AuthGuard;
  readonly limits: HttpLimits;
  readonly telemetry: Pick<Telemetry, "httpRequest" | "log">;
  /** Whether a tenant that the admin names is there. */
  readonly hasTenant: (tenantId: string) => Promise<boolean>;
  readonly problemOf: ProblemReader;
  /** Proxies in front of us whose X-Forwarded-For is believed. */
  readonly trustedProxies: readonly string[];
}

/** How long a request may be worked on before it is answered 503. */
const handlerTimeoutMs = 30_000;
const tenantHeader = "mailfleet-tenant";
const idPattern = /^[A-Za-z0-9._~-]{1,128}$/;

export function buildServer({ guard, limits, telemetry, hasTenant, problemOf, trustedProxies }: ServerParts) {
  const budget = openBudget(limits);
  const app = Fastify({
    bodyLimit: limits.bodyBytes,
    requestTimeout: limits.requestTimeoutMs,
    handlerTimeout: handlerTimeoutMs,
    keepAliveTimeout: 65_000,
    http: { maxHeaderSize: limits.headerBytes, headersTimeout: 10_000 },
    routerOptions: { maxParamLength: 1_100, caseSensitive: true },
    // While the process drains, what still comes over open connections is served, and then they close.
    return503OnClosing: false,
    forceCloseConnections: "idle",
    trustProxy: trustedProxies.length > 0 ? [...trustedProxies] : false,
    genReqId: () => randomUUID(),
    clientErrorHandler: answerBrokenRequest,
    frameworkErrors: (error, request, reply) => void renderError(error, request, reply),
  }).withTypeProvider<ZodTypeProvider>();
  app.server.maxConnections = limits.connections;
  app.setValidatorCompiler(validatorCompiler as never);
  app.setSerializerCompiler(serializerCompiler);

  app.decorateRequest("share", undefined);
  app.decorateRequest("principal", undefined);
  app.decorateRequest("tenantId", undefined);
  app.decorateRequest("startedMs", 0);

  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", async (request: FastifyRequest, payload: IncomingMessage) => {
    if (!request.share) throw new ProblemError("malformed_request", "This route takes no body.", { closes: true });
    return readJsonBody(payload, request.share, limits);
  });

  // Only where a message is what is asked about; it is shown to the route as if it had come in JSON.
  app.addContentTypeParser("message/rfc822", async (request: FastifyRequest, payload: IncomingMessage) => {
    if (!request.share) throw new ProblemError("malformed_request", "This route takes no body.", { closes: true });
    if (request.routeOptions.config.alsoTakes !== "message/rfc822") throw otherForm(request);
    const bytes = await readBody(payload, request.share, limits);
    return { content: bytes.toString("base64") };
  });

  app.addContentTypeParser("*", async (request: FastifyRequest) => {
    throw otherForm(request);
  });

  app.addHook("onRequest", async (request, reply) => {
    request.startedMs = performance.now();
    reply.header("x-content-type-options", "nosniff");
    const { access = "admin", tenant } = request.routeOptions.config;
    if (access === "public" || request.is404) return;
    reply.header("cache-control", "no-store");
    const share = budget.admit();
    request.share = share;
    reply.raw.once("close", () => share.release());
    const principal = await guard.authenticate(request.headers.authorization, request.ip);
    request.principal = principal;
    request.tenantId = await tenantOf(principal, access, tenant, request.headers[tenantHeader]);
    if (request.tenantId !== undefined) share.ofTenant(request.tenantId);
  });

  async function tenantOf(
    principal: Principal,
    access: Access,
    tenant: "required" | "optional" | undefined,
    named: string | string[] | undefined,
  ): Promise<string | undefined> {
    if (principal.kind === "tenant") {
      const { tenantId, scopes } = principal.identity;
      if (named !== undefined && named !== tenantId)
        throw new ProblemError("forbidden", "The key is another tenant's.");
      if (access === "admin") throw new ProblemError("forbidden", "This takes the admin's token.");
      if (!scopes.includes(access as never))
        throw new ProblemError("forbidden", `The key lacks the scope "${access}".`);
      return tenantId;
    }
    if (tenant === undefined) return undefined;
    if (named === undefined) {
      if (tenant === "optional") return undefined;
      throw new ProblemError("tenant_required", "Send Mailfleet-Tenant: <id>.");
    }
    if (typeof named !== "string" || !idPattern.test(named) || !(await hasTenant(named))) {
      throw new ProblemError("tenant_not_found");
    }
    return named;
  }

  let closing = false;
  app.addHook("preClose", (done) => {
    closing = true;
    done();
  });
  app.addHook("onSend", (_request, reply, payload, done) => {
    // A connection that stays open after its last answer would hold up the end until it times out.
    if (closing) reply.header("connection", "close");
    done(null, payload);
  });

  app.addHook("onResponse", (request, reply, done) => {
    telemetry.httpRequest({
      requestId: request.id,
      method: request.method,
      route: request.routeOptions.url ?? "none",
      status: reply.statusCode,
      durationMs: performance.now() - request.startedMs,
      ...(request.tenantId !== undefined && { tenantId: request.tenantId }),
    });
    done();
  });

  app.setNotFoundHandler((request) => {
    throw new ProblemError("route_not_found", `There is no ${request.method} at this path.`);
  });
  app.setErrorHandler(renderError);

  async function renderError(error: unknown, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const problem = await problemOf(error);
    if (problem.details.status >= 500 && problem.code !== "overloaded") {
      telemetry.log.error({ requestId: request.id, code: problem.code, err: problem.cause ?? error }, "request failed");
    }
    if (reply.sent || reply.raw.destroyed) return;
    if (problem.closes) reply.header("connection", "close");
    if (problem.retryAfterSeconds !== undefined) reply.header("retry-after", String(problem.retryAfterSeconds));
    if (problem.code === "unauthorized") reply.header("www-authenticate", 'Bearer realm="mailfleet"');
    reply.code(problem.details.status).header("content-type", "application/problem+json").serializer(String);
    await reply.send(JSON.stringify(problem.details));
  }

  return app;
}

function otherForm({ routeOptions }: FastifyRequest): ProblemError {
  const { alsoTakes } = routeOptions.config;
  const types = ["application/json", ...(alsoTakes === undefined ? [] : [alsoTakes])].join(" or ");
  return new ProblemError("unsupported_media_type", `Send Content-Type: ${types}.`, { closes: true });
}

export type Server = ReturnType<typeof buildServer>;

/** The tenant of a route that has one. */
export function tenantIdOf(request: FastifyRequest): string {
  if (request.tenantId === undefined) throw new TypeError("the route does not ask for a tenant");
  return request.tenantId;
}

export function actorOf(request: FastifyRequest): string {
  if (!request.principal) throw new TypeError("the route does not ask for a key");
  return request.principal.actor;
}

/** What is not even HTTP is answered on the socket, since no request has come of it. */
function answerBrokenRequest(error: { readonly code: string }, socket: Socket): void {
  if (error.code === "ECONNRESET" || !socket.writable) return void socket.destroy();
  const code = brokenRequests[error.code] ?? "malformed_request";
  const details: ProblemDetails = problemDetails(code);
  const body = JSON.stringify(details);
  socket.end(
    `HTTP/1.1 ${details.status} ${details.title}\r\nContent-Type: application/problem+json\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}

const brokenRequests: Record<string, "header_too_large" | "request_timeout"> = {
  HPE_HEADER_OVERFLOW: "header_too_large",
  ERR_HTTP_REQUEST_TIMEOUT: "request_timeout",
};
