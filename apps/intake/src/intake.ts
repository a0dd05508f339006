/** Intake: the HTTP API and SMTP submission, over one acceptor. A process of its own, or a part of one. */
import type { OperatorConfig } from "@mailfleet/answer";
import { openParser } from "@mailfleet/parser";
import { crashPoint, createHealth, type Health, listen, type Scope } from "@mailfleet/service";
import {
  type Acceptor,
  openAcceptor,
  openInboundScale,
  openSendable,
  refuseAboveLimits,
  type Store,
} from "@mailfleet/store";
import type { Telemetry } from "@mailfleet/telemetry";
import { verifyNextHop } from "@mailfleet/transport";
import { buildApi } from "./http/api.ts";
import { type HttpSettings, limitsOf } from "./http/settings.ts";
import { type SmtpSettings, startSmtpListener } from "./smtp/index.ts";

export interface IntakeSettings extends HttpSettings, SmtpSettings {
  readonly adminToken: string;
  readonly publicUrl?: string | undefined;
  /** What tenants' webhooks, models and tools may be. */
  readonly operator: OperatorConfig;
}

export interface IntakeDeps {
  readonly settings: IntakeSettings;
  readonly store: Store;
  /** Asks for turns. Absent: a sweep finds the mail a little later. */
  readonly queues?: {
    wake(accountUid: string, options?: { readonly express?: boolean }): void;
    wakeAnswer(inboundUid: string): void;
  };
  readonly telemetry: Telemetry;
}

export interface Intake {
  readonly apiUrl: string;
  readonly apiPort: number;
  readonly smtpPort: number;
  readonly health: Health;
  /** Resolves when the scope has begun to drain and the last request and session have ended. */
  readonly drained: Promise<void>;
}

/** Listens. Rejects where a port is taken, with the setting that moves it. */
export async function startIntake({ settings, store, queues, telemetry }: IntakeDeps, scope: Scope): Promise<Intake> {
  const acceptor = mortal(refuseAboveLimits(scope.own(openAcceptor(store.db, store.blobs), "acceptor"), store));
  const pingStore = () => store.db.query("select 1");
  const health = createHealth({
    draining: scope.draining,
    checks: { database: pingStore },
    onFailure: (name, error) => telemetry.log.warn({ check: name, err: error }, "not ready"),
  });
  const wake = (accountUid: string, options?: { readonly express?: boolean }) => queues?.wake(accountUid, options);

  const smtp = scope.own(
    await startSmtpListener({ ...store, settings, acceptor, queues: { wake }, telemetry }, scope),
    "SMTP listener",
  );
  const api = await buildApi({
    store,
    acceptor,
    wake: (accountUid, options) => wake(String(accountUid), options),
    operator: settings.operator,
    wakeAnswer: (inboundUid) => queues?.wakeAnswer(inboundUid),
    parser: scope.own(openParser({ processes: 1 }), "parser"),
    sendable: openSendable(store.db),
    inboundScale: openInboundScale(store.db),
    telemetry,
    health,
    verifyNextHop,
    now: () => new Date(),
    adminToken: settings.adminToken,
    limits: limitsOf(settings),
    trustedProxies: settings.apiProxies,
    pingStore,
    publicUrl: settings.publicUrl,
  });
  const close = () => api.close();
  scope.own({ [Symbol.asyncDispose]: close }, "HTTP listener");
  const apiPort = await listen(api.server, settings.apiHost, settings.apiPort, "MAILFLEET_API_PORT");
  const host = settings.apiHost.includes(":") ? `[${settings.apiHost}]` : settings.apiHost;
  telemetry.log.info({ host: settings.apiHost, port: apiPort }, "HTTP API is listening");

  const closed = new Promise<void>((resolve, reject) => {
    scope.draining.addEventListener("abort", () => close().then(() => resolve(), reject), { once: true });
  });
  scope.stopping.addEventListener("abort", () => api.server.closeAllConnections(), { once: true });
  return {
    apiUrl: `http://${host}:${apiPort}`,
    apiPort,
    smtpPort: smtp.port,
    health,
    drained: Promise.all([closed, smtp.drained]).then(() => {}),
  };
}

/** With the moments around a commit at which tests let the process die. */
const mortal = (acceptor: Pick<Acceptor, "accept">): Pick<Acceptor, "accept"> => ({
  async accept(submission) {
    const isSmtp = submission.via === "smtp";
    crashPoint(isSmtp ? "intake-smtp-before-commit" : "intake-http-before-commit", submission.id);
    const acceptance = await acceptor.accept(submission);
    crashPoint(isSmtp ? "intake-smtp-after-commit" : "intake-http-after-commit", submission.id);
    return acceptance;
  },
});
