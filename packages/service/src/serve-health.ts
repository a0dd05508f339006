import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Health } from "./health.ts";

/** Gives `/metrics` its text; a process's telemetry is one. */
export interface MetricsSource {
  readonly metricsContentType: string;
  metrics(): Promise<string>;
}

/** The listener of a process for its platform: probes and metrics, and nothing that tenants may reach. */
export interface HealthListener extends AsyncDisposable {
  /** The port that was taken; a free one where 0 was asked for. */
  readonly port: number;
  readonly url: string;
}

/** A port that cannot be listened on. The message names the setting that moves it. */
export class PortTakenError extends Error {
  override readonly name = "PortTakenError";
}

/** Serves `/health/live`, `/health/ready` (503 when failing) and `/metrics`. */
export async function serveHealth({
  host,
  port,
  health,
  telemetry,
  setting = "MAILFLEET_METRICS_PORT",
}: {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly health: Health;
  readonly telemetry: MetricsSource;
  /** The full name of the setting that moves the port. */
  readonly setting?: string;
}): Promise<HealthListener> {
  const server = createServer(answer(health, telemetry));
  server.requestTimeout = 5_000;
  server.maxConnections = 100;
  const taken = await listen(server, host, port, setting);
  return {
    port: taken,
    url: `http://${host.includes(":") ? `[${host}]` : host}:${taken}`,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/**
 * Listens, and resolves with the port. A port that is taken or not allowed is a PortTakenError that names `setting`,
 * so that whoever reads it knows what to change.
 */
export function listen(
  server: Pick<Server, "listen" | "once" | "off" | "address">,
  host: string,
  port: number,
  setting: string,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException) => {
      const why = { EADDRINUSE: "is taken", EACCES: "is not allowed" }[error.code ?? ""] ?? `fails (${error.code})`;
      reject(new PortTakenError(`port ${port} on ${host} ${why}; ${setting} moves it`, { cause: error }));
    };
    server.once("error", onError);
    server.listen(port, host, () => {
      server.off("error", onError);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

function answer(health: Health, telemetry: MetricsSource): RequestListener {
  return async (request, response) => {
    const send = (status: number, contentType: string, body: string) =>
      response.writeHead(status, { "content-type": contentType, "cache-control": "no-store" }).end(body);
    const sendReport = (report: { readonly status: string }) =>
      send(report.status === "ok" ? 200 : 503, "application/json", `${JSON.stringify(report)}\n`);

    if (request.method !== "GET" && request.method !== "HEAD") return void send(405, "text/plain", "GET only\n");
    try {
      switch (request.url?.split("?", 1)[0]) {
        case "/health/live":
          return void sendReport(health.live());
        case "/health/ready":
          return void sendReport(await health.ready());
        case "/metrics":
          return void send(200, telemetry.metricsContentType, await telemetry.metrics());
        default:
          return void send(404, "text/plain", "not found\n");
      }
    } catch {
      if (!response.headersSent) send(500, "text/plain", "internal error\n");
    }
  };
}
