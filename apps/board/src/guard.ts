import type { Telemetry } from "@mailfleet/telemetry";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { loginPage } from "./login-page.ts";
import { type Attempts, createAttempts, type Sessions, sessionMs } from "./session.ts";

export interface GuardOptions {
  readonly sessions: Sessions;
  readonly telemetry: Pick<Telemetry, "authAttempt" | "log">;
  /** Whether the board changes anything at all. */
  readonly writable: boolean;
  /** Whether people reach it over HTTPS, so that the cookie may not travel otherwise. */
  readonly secureCookie: boolean;
}

const cookieName = "mailfleet_board";
/** Answered without a session: the login itself, its style, and probes. */
const open: ReadonlySet<string> = new Set(["/login", "/board.css", "/health/live", "/health/ready"]);

/**
 * Lets nobody in without the admin token: as a Bearer token, or as a session that the login page opens with it.
 * Changes are refused unless the board is writable, and unless they come from the board's own pages.
 */
export function addGuard(app: FastifyInstance, options: GuardOptions): void {
  const { sessions, telemetry, writable } = options;
  const attempts = createAttempts();

  app.addHook("onRequest", async (request, reply) => {
    const path = request.url.split("?", 1)[0]!;
    const bearer = /^Bearer (.{1,1024})$/.exec(request.headers.authorization ?? "")?.[1];
    const isChange = request.method !== "GET" && request.method !== "HEAD";
    // A browser sends its cookie along with what another site has made it send; a Bearer token it does not.
    if (isChange && bearer === undefined && !isFromHere(request)) {
      return reply.code(403).type("text/plain").send("This request does not come from the board's own pages.\n");
    }
    if (open.has(path)) return;

    if (bearer !== undefined) {
      const verdict = tryToken(bearer, request, { sessions, telemetry, attempts });
      if (verdict !== "success") return refuse(reply, verdict);
    } else if (!sessions.isOpen(cookieOf(request), Date.now())) {
      return request.headers.accept?.includes("text/html")
        ? reply.redirect(`/login?to=${encodeURIComponent(request.url)}`, 303)
        : refuse(reply, "failure");
    }
    if (!isChange || path === "/logout") return;
    if (!writable) {
      return reply
        .code(403)
        .type("text/plain")
        .send("The board is read-only; MAILFLEET_BOARD_WRITABLE=true changes that.\n");
    }
    telemetry.log.info({ event: "board_change", method: request.method, path }, "the board changes a queue");
  });

  app.addContentTypeParser(
    "application/x-www-form-urlencoded",
    { parseAs: "string", bodyLimit: 4_096 },
    (_, body, done) => done(null, new URLSearchParams(body as string)),
  );

  app.get<{ Querystring: { to?: string } }>("/login", async (request, reply) =>
    reply.type("text/html; charset=utf-8").send(loginPage({ to: pathHere(request.query.to) })),
  );

  app.post("/login", async (request, reply) => {
    const form = request.body instanceof URLSearchParams ? request.body : new URLSearchParams();
    const to = pathHere(form.get("to") ?? undefined);
    const verdict = tryToken((form.get("token") ?? "").trim(), request, { sessions, telemetry, attempts });
    if (verdict !== "success") {
      const problem =
        verdict === "locked_out"
          ? "Too many wrong tokens from your address. Try again in a minute."
          : "That is not the token.";
      return reply
        .code(verdict === "locked_out" ? 429 : 401)
        .type("text/html; charset=utf-8")
        .send(loginPage({ to, problem }));
    }
    return reply.header("set-cookie", cookie(sessions.open(Date.now()), sessionMs / 1_000, options)).redirect(to, 303);
  });

  app.post("/logout", async (_, reply) => reply.header("set-cookie", cookie("", 0, options)).redirect("/login", 303));
}

type Verdict = "success" | "failure" | "locked_out";

function tryToken(
  token: string,
  { ip }: FastifyRequest,
  { sessions, telemetry, attempts }: Pick<GuardOptions, "sessions" | "telemetry"> & { readonly attempts: Attempts },
): Verdict {
  const nowMs = Date.now();
  const verdict = !attempts.mayTry(ip, nowMs) ? "locked_out" : sessions.isToken(token) ? "success" : "failure";
  if (verdict === "failure") attempts.failed(ip, nowMs);
  telemetry.authAttempt({ via: "board", result: verdict, remoteAddress: ip });
  return verdict;
}

const refuse = (reply: FastifyReply, verdict: Verdict) =>
  verdict === "locked_out"
    ? reply.code(429).header("retry-after", "60").type("text/plain").send("Too many wrong tokens.\n")
    : reply.code(401).header("www-authenticate", "Bearer").type("text/plain").send("The admin token is needed.\n");

/** Browsers name the origin of what they send; what names none and has no cookie cannot be forged with one. */
function isFromHere({ headers }: FastifyRequest): boolean {
  if (headers.origin !== undefined && headers.origin !== "null") {
    return URL.canParse(headers.origin) && new URL(headers.origin).host === headers.host;
  }
  return headers["sec-fetch-site"] === "same-origin" || (headers.origin === undefined && headers.cookie === undefined);
}

const cookieOf = ({ headers }: FastifyRequest): string =>
  new RegExp(`(?:^|; )${cookieName}=([^;]{1,200})`).exec(headers.cookie ?? "")?.[1] ?? "";

const cookie = (value: string, maxAgeSeconds: number, { secureCookie }: GuardOptions): string =>
  `${cookieName}=${value}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${maxAgeSeconds}${secureCookie ? "; Secure" : ""}`;

/** A path of the board's own; anything that could lead elsewhere becomes the start page. */
const pathHere = (to: string | undefined): string =>
  to !== undefined && /^\/(?![/\\])[\x21-\x5b\x5d-\x7e]{0,500}$/.test(to) ? to : "/";
