import type { Secret } from "@mailfleet/config";
import { type BoardQueues, boardQueues } from "@mailfleet/queue";
import { type Check, type Health, PortTakenError, type Scope } from "@mailfleet/service";
import type { Sql } from "@mailfleet/store";
import type { Telemetry } from "@mailfleet/telemetry";
import fastify, { type FastifyError } from "fastify";
import { readAccountOverview } from "./account-overview.ts";
import { accountPage, noAccountPage } from "./account-page.ts";
import { addBullBoard, queuesPath } from "./bull-board.ts";
import type { BoardSettings } from "./config.ts";
import { addGuard } from "./guard.ts";
import { boardStyle } from "./page.ts";
import { createSessions } from "./session.ts";

export interface BoardDeps {
  readonly settings: BoardSettings & { readonly publicUrl?: string | undefined };
  readonly adminToken: Secret;
  readonly redisUrl: Secret;
  readonly database: Sql;
  readonly telemetry: Telemetry;
  /** Answers `/health/…` on the board's own listener, too. */
  readonly health?: Pick<Health, "live" | "ready">;
}

export interface Board {
  /** Without a slash at its end. */
  readonly url: string;
  readonly port: number;
  /** What its readiness depends on. */
  readonly checks: Readonly<Record<string, Check>>;
}

const bodyLimitBytes = 1024 * 1024;
const requestTimeoutMs = 10_000;
const maxConnections = 200;

/** Only what the board itself serves; Bull Board's page sets styles from its script. */
const contentPolicy =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; " +
  "connect-src 'self'; worker-src 'self' blob:; form-action 'self'; base-uri 'self'; frame-ancestors 'none'";

/** Opens the board, and closes it with `scope`. Throws PortTakenError. */
export async function startBoard(deps: BoardDeps, scope: Scope): Promise<Board> {
  const { settings, adminToken, redisUrl, database, telemetry, health } = deps;
  const { boardHost: host, boardPort: port, boardWritable: writable, publicUrl } = settings;
  const queues: BoardQueues = scope.own(boardQueues(redisUrl.reveal(), telemetry.log), "board queues");

  const app = fastify({ bodyLimit: bodyLimitBytes, requestTimeout: requestTimeoutMs, forceCloseConnections: true });
  app.server.maxConnections = maxConnections;
  app.addHook("onSend", async (_, reply) => {
    reply.headers({
      "content-security-policy": contentPolicy,
      "x-content-type-options": "nosniff",
      "x-frame-options": "DENY",
      "referrer-policy": "same-origin",
    });
    if (!reply.hasHeader("cache-control")) reply.header("cache-control", "no-store");
  });
  app.setErrorHandler<FastifyError>((error, _, reply) => {
    const status = error.statusCode ?? 500;
    if (status >= 500) telemetry.log.error({ err: error }, "the board could not answer");
    return reply
      .code(status)
      .type("text/plain")
      .send(status >= 500 ? "internal error\n" : "bad request\n");
  });

  addGuard(app, {
    sessions: createSessions(adminToken),
    telemetry,
    writable,
    secureCookie: publicUrl?.startsWith("https:") ?? false,
  });
  if (health) {
    app.get("/health/live", async (_, reply) => sendReport(reply, health.live()));
    app.get("/health/ready", async (_, reply) => sendReport(reply, await health.ready()));
  }
  app.get("/board.css", async (_, reply) => reply.type("text/css").send(boardStyle));
  app.get("/", async (_, reply) => reply.redirect(`${queuesPath}/`));
  app.get<{ Params: { uid: string } }>("/accounts/:uid", async ({ params }, reply) => {
    const overview = /^\d{1,18}$/.test(params.uid) ? await readAccountOverview(database, params.uid) : undefined;
    reply.type("text/html; charset=utf-8");
    return overview ? reply.send(accountPage(overview)) : reply.code(404).send(noAccountPage());
  });
  await addBullBoard(app, queues.queues, { writable });

  const taken = await listenOn(app, host, port);
  scope.own({ [Symbol.asyncDispose]: () => app.close() }, "board");
  return {
    url: `http://${host.includes(":") ? `[${host}]` : host}:${taken}`,
    port: taken,
    checks: { database: () => database.query("select 1") },
  };
}

type App = Awaited<ReturnType<typeof fastify>>;

async function listenOn(app: App, host: string, port: number): Promise<number> {
  try {
    await app.listen({ host, port });
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code !== "EADDRINUSE" && code !== "EACCES") throw cause;
    const why = code === "EADDRINUSE" ? "is taken" : "is not allowed";
    throw new PortTakenError(`port ${port} on ${host} ${why}; MAILFLEET_BOARD_PORT moves it`, { cause });
  }
  const address = app.server.address();
  return typeof address === "object" && address ? address.port : port;
}

function sendReport(
  reply: { code(status: number): { send(body: unknown): unknown } },
  report: { readonly status: string },
): unknown {
  return reply.code(report.status === "ok" ? 200 : 503).send(report);
}
