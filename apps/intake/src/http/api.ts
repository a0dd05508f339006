/** The HTTP API as a whole: the listener with all of its routes. */
import { readFileSync } from "node:fs";
import type { Telemetry } from "@mailfleet/telemetry";
import type { ApiDeps } from "./api-deps.ts";
import { openAuthGuard } from "./auth.ts";
import type { HttpLimits } from "./limits.ts";
import { openProblemReader } from "./problem-of.ts";
import { accountRoutes } from "./routes/accounts.ts";
import { answeringRoutes } from "./routes/answering.ts";
import { deliveryRoutes } from "./routes/deliveries.ts";
import { documentRoutes } from "./routes/documents.ts";
import { inboundRoutes } from "./routes/inbound.ts";
import { mailboxRoutes } from "./routes/mailboxes.ts";
import { messageRoutes } from "./routes/messages.ts";
import { operationRoutes } from "./routes/operations.ts";
import { suppressionRoutes } from "./routes/suppressions.ts";
import { tenantRoutes } from "./routes/tenants.ts";
import { buildServer, type Server } from "./server.ts";
import { openTenantViews } from "./tenant-views.ts";

export interface ApiParts extends Omit<ApiDeps, "tenantViews" | "problemOf" | "telemetry"> {
  readonly telemetry: Pick<Telemetry, "accepted" | "authAttempt" | "cancelled" | "httpRequest" | "log">;
  readonly adminToken: string;
  readonly limits: HttpLimits;
  readonly trustedProxies: readonly string[];
  /** Rejects when the database is away. */
  readonly pingStore: () => Promise<unknown>;
  readonly publicUrl?: string | undefined;
}

/** Builds the listener; it does not listen yet. */
export async function buildApi(parts: ApiParts): Promise<Server> {
  const { store, telemetry, adminToken, limits, trustedProxies } = parts;
  const tenantViews = openTenantViews(store.tenants);
  const problemOf = openProblemReader(parts.pingStore);
  const app = buildServer({
    guard: openAuthGuard({ adminToken, authenticate: (key) => store.apiKeys.authenticate(key), telemetry }),
    limits,
    telemetry,
    hasTenant: async (id) => (await tenantViews.get(id)) !== undefined,
    problemOf,
    trustedProxies,
  });
  await documentRoutes(app, { version: version(), publicUrl: parts.publicUrl });

  const deps: ApiDeps = { ...parts, tenantViews, problemOf };
  for (const routes of [
    messageRoutes,
    deliveryRoutes,
    accountRoutes,
    mailboxRoutes,
    inboundRoutes,
    answeringRoutes,
    tenantRoutes,
    suppressionRoutes,
    operationRoutes,
  ]) {
    routes(app, deps);
  }
  await app.ready();
  return app;
}

const version = (): string =>
  JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")).version as string;
