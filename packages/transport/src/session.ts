import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { type Ending, type EndingCause, parseReply } from "@mailfleet/mail";
import SMTPConnection, {
  type SMTPConnectionAuth,
  type SMTPConnectionCustomAuthContext,
} from "nodemailer/lib/smtp-connection";
import XOAuth2 from "nodemailer/lib/xoauth2";
import { dial } from "./dial.ts";
import type { NextHopSettings } from "./next-hop.ts";
import type { TimeLimits } from "./time-limits.ts";
import { tlsOptions } from "./tls-options.ts";

/** An SMTP extension that changes what we may say (RFC 1870, 2920, 3461, 6152, 6531). */
export type Extension = "SIZE" | "PIPELINING" | "DSN" | "8BITMIME" | "SMTPUTF8";

/** A next hop that has greeted us, knows us, and waits for MAIL. */
export interface Session {
  readonly socket: Socket;
  readonly encrypted: boolean;
  readonly extensions: ReadonlySet<string>;
  /** SASL mechanisms that were offered. */
  readonly authMechanisms: readonly string[];
  /** What SIZE announced; absent where it announced no limit. */
  readonly sizeLimitBytes?: number;
}

export type OpenedSession =
  | { readonly ok: true; readonly session: Session }
  | { readonly ok: false; readonly ending: Ending };

/**
 * Connects, greets, upgrades and logs in; then the socket is the caller's.
 *
 * nodemailer speaks until the login is done. From there we speak ourselves: its `send` says one DSN parameter for all
 * recipients, asks for SMTPUTF8 only where an address needs it, does not tell how far a pipelined envelope got, and
 * puts a stream between us and the final dot.
 */
export async function openSession(
  settings: NextHopSettings,
  limits: TimeLimits,
  stopping?: AbortSignal,
): Promise<OpenedSession> {
  const clearText = settings.security === "none";
  if (settings.auth && clearText && !settings.allowClearTextAuth) {
    return failed("auth", {
      kind: "credentials",
      detail: "they would travel in clear text, which the account forbids",
    });
  }
  const dialed = await dial(settings, limits, stopping);
  if (!dialed.ok) return dialed;

  let offer: Offer | undefined;
  const connection = new SMTPConnection({
    connection: dialed.socket,
    secure: dialed.tls,
    secured: dialed.tls,
    host: settings.host,
    port: settings.port,
    requireTLS: settings.security === "starttls",
    ignoreTLS: settings.security !== "starttls",
    lmtp: settings.lmtp ?? false,
    ...(settings.ehloName === undefined ? {} : { name: settings.ehloName }),
    tls: tlsOptions(settings),
    // Inactivity never decides: each step below has an overall limit of its own.
    connectionTimeout: limits.greetingMs + limits.ehloMs,
    greetingTimeout: limits.greetingMs,
    socketTimeout: 0x7fff_ffff,
    maxResponseSize: 65_536,
    // Not a login: the one way to be told what EHLO offered.
    customAuth: {
      [offerProbe]: (context: SMTPConnectionCustomAuthContext) => {
        offer = context;
        context.resolve();
      },
    },
  });

  const greetMs = limits.greetingMs + limits.ehloMs;
  const { auth } = settings;
  const failure =
    (await step(connection, "ehlo", greetMs, stopping, (done) => connection.connect(done))) ??
    (await step(connection, "ehlo", limits.ehloMs, stopping, (done) =>
      connection.login({ method: offerProbe }, done),
    )) ??
    (auth &&
      (await step(connection, "auth", limits.authMs, stopping, (done) => connection.login(loginOf(auth), done))));
  if (failure) return { ok: false, ending: failure };

  const socket = connection._socket;
  if (!socket || socket.destroyed) return failed("ehlo", { kind: "closed" });
  // Its other listeners may stay: they note the end of the connection, and no more.
  socket.removeAllListeners("data");
  socket.removeAllListeners("timeout").setTimeout(0);
  return { ok: true, session: sessionOf(socket, offer) };
}

type Offer = Pick<SMTPConnectionCustomAuthContext, "extensions" | "authMethods" | "maxAllowedSize">;
const offerProbe = "MAILFLEET-OFFER";

function sessionOf(socket: Socket, offer: Offer | undefined): Session {
  return {
    socket,
    encrypted: socket instanceof TLSSocket,
    extensions: new Set(offer?.extensions),
    authMechanisms: offer?.authMethods ?? [],
    ...(offer?.maxAllowedSize ? { sizeLimitBytes: offer.maxAllowedSize } : {}),
  };
}

function loginOf(auth: NonNullable<NextHopSettings["auth"]>): SMTPConnectionAuth {
  if (auth.kind === "password") return { user: auth.user, pass: auth.pass };
  // Tokens are renewed by whoever gave us this one; here a refused token is a refused login.
  return { user: auth.user, oauth2: new XOAuth2({ user: auth.user, accessToken: auth.accessToken }) };
}

/** Runs one step of the session to its end, with a time limit; resolves with how it failed, if it did. */
function step(
  connection: SMTPConnection,
  name: "ehlo" | "auth",
  limitMs: number,
  stopping: AbortSignal | undefined,
  run: (done: (error?: Error | null) => void) => void,
): Promise<Ending | undefined> {
  return new Promise((resolve) => {
    const finish = (failure: Ending | undefined) => {
      clearTimeout(timer);
      stopping?.removeEventListener("abort", onStop);
      connection.removeAllListeners("error").on("error", () => {});
      if (failure) abandon(connection);
      resolve(failure);
    };
    const onError = (error: Error) => finish(endingOf(error, connection.upgrading === true ? "tls" : name));
    const onStop = () => finish({ phase: name, cause: { kind: "withdrawn", why: "stopping" } });
    const timer = setTimeout(() => finish({ phase: name, cause: { kind: "timeout" } }), limitMs);
    if (stopping?.aborted) return onStop();
    stopping?.addEventListener("abort", onStop);
    connection.removeAllListeners("error").on("error", onError);
    run((error) => (error ? onError(error) : finish(undefined)));
  });
}

function abandon(connection: SMTPConnection): void {
  const socket = connection._socket;
  connection.close();
  if (socket) socket.destroy();
}

interface SessionError extends Error {
  readonly code?: string;
  readonly command?: string;
  readonly response?: string;
  readonly timeoutType?: string;
}

/** Reads nodemailer's error codes and the command it was at. */
function endingOf(error: SessionError, otherwise: "tls" | "ehlo" | "auth"): Ending {
  const phase = phaseOf(error, otherwise);
  const reply = typeof error.response === "string" ? parseReply(error.response) : undefined;
  if (phase === "tls") {
    if (reply) return { phase, cause: { kind: "unsupported", feature: "starttls" } };
    return { phase, cause: error.code === "ETIMEDOUT" ? { kind: "timeout" } : { kind: "tls", detail: error.message } };
  }
  if (reply) return { phase, cause: { kind: "reply", reply } };
  switch (error.code) {
    case "ETIMEDOUT":
      return { phase, cause: { kind: "timeout" } };
    case "EPROTOCOL":
      return { phase, cause: { kind: "garbled", detail: error.message } };
    case "EAUTH":
      return { phase, cause: { kind: "credentials", detail: error.message } };
    default:
      return { phase, cause: { kind: "closed", detail: error.message } };
  }
}

function phaseOf(error: SessionError, otherwise: "tls" | "ehlo" | "auth"): Ending["phase"] {
  const { code, command = "", timeoutType } = error;
  if (code === "ETLS" || command === "STARTTLS") return "tls";
  if (code === "EAUTH" || command.startsWith("AUTH")) return "auth";
  if (timeoutType === "GREETING_TIMEOUT" || (code === "EPROTOCOL" && command === "CONN")) return "greeting";
  return otherwise;
}

const failed = (phase: Ending["phase"], cause: EndingCause): OpenedSession => ({ ok: false, ending: { phase, cause } });
