import type { Server } from "node:net";
import { outboxTarget, transactionLimits } from "@mailfleet/delivery";
import { type Clock, listen, monotonicClock, type Scope } from "@mailfleet/service";
import type { Acceptor, Accounts, ApiKeys, Tenants } from "@mailfleet/store";
import type { Telemetry } from "@mailfleet/telemetry";
import { type AuthGuard, authGuard } from "./auth-guard.ts";
import { followCertificate, readCertificate } from "./certificate.ts";
import { contentBudgets } from "./content.ts";
import { Conversation, type ConversationDeps } from "./conversation.ts";
import { type SmtpLimits, smtpLimits } from "./limits.ts";
import { policies } from "./policy.ts";
import type { SmtpSettings } from "./settings.ts";
import { SubmissionServer } from "./submission-server.ts";

/** What the listener needs of the rest of the house. */
export interface SmtpDeps {
  readonly settings: SmtpSettings;
  readonly acceptor: Pick<Acceptor, "accept">;
  readonly apiKeys: Pick<ApiKeys, "authenticate">;
  readonly tenants: Pick<Tenants, "get">;
  readonly accounts: Pick<Accounts, "resolve">;
  /** Asks for a turn of an account that has mail; it never throws, nor waits for Redis. */
  readonly queues: { wake(accountUid: string, options?: { readonly express?: boolean }): void };
  readonly telemetry: Pick<Telemetry, "accepted" | "authAttempt" | "smtpSession" | "log">;
  readonly limits?: SmtpLimits;
  readonly guard?: AuthGuard;
  readonly clock?: Clock;
  /** How often the certificate's files are looked at. */
  readonly certificateIntervalMs?: number;
}

export interface SmtpListener extends AsyncDisposable {
  readonly port: number;
  readonly offersTls: boolean;
  /** Resolves when the scope has begun to drain and the last session has ended. */
  readonly drained: Promise<void>;
}

/**
 * Listens for submissions (RFC 6409). When the scope drains, idle sessions are sent away and transactions in hand go
 * on; when it stops, only commits under way are waited for. Rejects where the certificate or the port is no good.
 */
export async function startSmtpListener(deps: SmtpDeps, scope: Scope): Promise<SmtpListener> {
  const { settings, telemetry, limits = smtpLimits } = deps;
  const { smtpTlsCert: certFile, smtpTlsKey: keyFile } = settings;
  const files = certFile !== undefined && keyFile !== undefined ? { certFile, keyFile } : undefined;
  const certificate = files && (await readCertificate(files));
  const allowsClearAuth = !certificate && isLoopback(settings.smtpHost);

  const conversation = conversationDeps(deps, limits, scope.stopping);
  const ended = Promise.withResolvers<void>();
  const endWhenEmpty = () => {
    if (server.isDraining && server.sessions === 0) ended.resolve();
  };
  const server = new SubmissionServer({
    name: settings.smtpName,
    limits,
    maxClients: settings.smtpMaxClients,
    maxMessageBytes: settings.smtpMaxMessageBytes,
    maxRecipients: transactionLimits.recipients,
    proxies: settings.smtpProxies,
    certificate,
    allowsClearAuth,
    converse: () => new Conversation(conversation),
    onSessionEnd: ({ tenantId, ...session }) => {
      telemetry.smtpSession({ ...session, ...(tenantId !== undefined && { tenantId }) });
      endWhenEmpty();
    },
  });
  // Trouble of single connections (resets, failed handshakes): their clients know, and nobody else needs to. A port that is taken
  // comes this way too, and is told of by `listen`.
  server.on("error", (error) => telemetry.log.debug({ err: error }, "SMTP connection failed"));
  const port = await listen(asListening(server.server), settings.smtpHost, settings.smtpPort, "MAILFLEET_SMTP_PORT");
  sayHow(telemetry, settings.smtpHost, port, certificate !== undefined, allowsClearAuth);

  const following = new AbortController();
  if (files && certificate) {
    void followCertificate(files, certificate, {
      signal: AbortSignal.any([following.signal, scope.stopping]),
      onError: (error) => telemetry.log.error({ err: error }, "the SMTP certificate cannot be renewed"),
      renew: (next) => {
        server.renewCertificate(next);
        telemetry.log.info({ event: "smtp_certificate_renewed" }, "SMTP certificate renewed");
      },
      ...(deps.certificateIntervalMs !== undefined && { intervalMs: deps.certificateIntervalMs }),
    });
  }
  const drain = () => {
    server.drain();
    endWhenEmpty();
  };
  const stop = () => server.stop();
  onAbort(scope.draining, drain);
  onAbort(scope.stopping, stop);

  return scope.own(
    {
      port,
      offersTls: certificate !== undefined,
      drained: ended.promise,
      async [Symbol.asyncDispose]() {
        scope.draining.removeEventListener("abort", drain);
        scope.stopping.removeEventListener("abort", stop);
        following.abort();
        server.destroy();
        endWhenEmpty();
        await ended.promise;
      },
    },
    "SMTP listener",
  );
}

function conversationDeps(deps: SmtpDeps, limits: SmtpLimits, stopping: AbortSignal): ConversationDeps {
  const { settings, acceptor, apiKeys, queues, telemetry } = deps;
  return {
    apiKeys,
    telemetry,
    limits,
    stopping,
    guard: deps.guard ?? authGuard(),
    clock: deps.clock ?? monotonicClock,
    name: settings.smtpName,
    maxMessageBytes: settings.smtpMaxMessageBytes,
    budgetOf: contentBudgets(limits),
    tenantSessions: new Map(),
    target: outboxTarget({
      acceptor,
      policyOf: policies(deps),
      onAccepted: ({ duplicate, accountUid, uid }, { tenantId, account, priority, envelope, content }) => {
        if (!duplicate) {
          telemetry.accepted({
            messageId: uid,
            tenantId,
            accountId: account ?? "default",
            origin: "smtp",
            priority,
            recipients: envelope.recipients.length,
            sizeBytes: content.byteLength,
          });
        }
        queues.wake(String(accountUid), { express: priority === "immediate" });
      },
      onTrouble: (error) => telemetry.log.error({ err: error }, "the store cannot take a submission"),
    }),
  };
}

function sayHow(
  { log }: Pick<Telemetry, "log">,
  host: string,
  port: number,
  hasTls: boolean,
  clearAuth: boolean,
): void {
  const line = { event: "smtp_listening", host, port, tls: hasTls };
  if (hasTls) log.info(line, "SMTP submission listens");
  else if (clearAuth)
    log.warn(line, "SMTP submission listens without a certificate: AUTH goes in clear, on loopback only");
  else
    log.warn(
      line,
      "SMTP submission listens without a certificate beyond loopback: nobody can authenticate, set MAILFLEET_SMTP_TLS_CERT",
    );
}

/** `listen` needs nothing of HTTP. */
const asListening = (server: Server) => server as unknown as Parameters<typeof listen>[0];

const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "::1" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);

function onAbort(signal: AbortSignal, act: () => void): void {
  if (signal.aborted) act();
  else signal.addEventListener("abort", act, { once: true });
}
