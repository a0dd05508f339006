/** Tenants and their keys: the operator's part. */
import type { TenantSettings } from "@mailfleet/store";
import { z } from "zod";
import type { ApiDeps } from "../api-deps.ts";
import { ProblemError } from "../problems.ts";
import { given, pageOf, paging, showPage } from "../schemas/paging.ts";
import { id } from "../schemas/primitives.ts";
import { problemResponse } from "../schemas/problem.ts";
import { key, keyInput, newKey, suspension, tenant, tenantInput } from "../schemas/tenant.ts";
import { actorOf, type Server } from "../server.ts";

const params = z.strictObject({ id });
const keyParams = z.strictObject({ id, key: id });
const pageQuery = z.strictObject(paging);
const config = { access: "admin" } as const;
const tags = ["tenants"];

export function tenantRoutes(app: Server, { store, tenantViews, wake }: ApiDeps): void {
  const log = (actor: string, tenantId: string | null, command: string, target: string, detail = {}) =>
    store.commandLog.add({ actor, tenantId, command, target, detail });

  app.put(
    "/v1/tenants/:id",
    {
      config,
      schema: {
        tags,
        summary: "Make a tenant, or replace its settings",
        params,
        body: tenantInput,
        response: { 200: tenant, 201: tenant, default: problemResponse },
      },
    },
    async (request, reply) => {
      const put = await store.tenants.put(request.params.id, given(request.body) as TenantSettings);
      tenantViews.forget(request.params.id);
      await log(actorOf(request), request.params.id, "tenant.put", request.params.id);
      return reply.code(put.created ? 201 : 200).send(showTenant(put.tenant));
    },
  );

  app.get(
    "/v1/tenants/:id",
    { config, schema: { tags, summary: "Show a tenant", params, response: { 200: tenant, default: problemResponse } } },
    async (request) => {
      const found = await store.tenants.get(request.params.id);
      if (!found) throw new ProblemError("tenant_not_found");
      return showTenant(found);
    },
  );

  app.get(
    "/v1/tenants",
    {
      config,
      schema: {
        tags,
        summary: "List tenants, by id",
        querystring: pageQuery,
        response: { 200: pageOf(tenant), default: problemResponse },
      },
    },
    async (request) => showPage(await store.tenants.list(given(request.query)), showTenant),
  );

  app.delete(
    "/v1/tenants/:id",
    {
      config,
      schema: {
        tags,
        summary: "Delete a tenant with all of its history",
        description: "Refused while it has mail that has not ended.",
        params,
        response: { 204: z.undefined().describe("Deleted."), default: problemResponse },
      },
    },
    async (request, reply) => {
      const gone = await store.tenants.delete(request.params.id);
      if (gone.kind === "not_found") throw new ProblemError("tenant_not_found");
      if (gone.kind === "refused") throw new ProblemError("tenant_has_mail", gone.detail);
      tenantViews.forget(request.params.id);
      await log(actorOf(request), null, "tenant.delete", request.params.id);
      return reply.code(204).send();
    },
  );

  for (const [verb, summary] of [
    ["suspend", "Hold a tenant's mail, or one batch of it"],
    ["activate", "Let held mail go again"],
  ] as const) {
    app.post(
      `/v1/tenants/:id/${verb}`,
      {
        config,
        schema: { tags, summary, params, body: suspension, response: { 200: tenant, default: problemResponse } },
      },
      async (request) => {
        const { batch } = request.body;
        const change = await store.tenants[verb](request.params.id, batch);
        if (change.kind === "not_found") throw new ProblemError("tenant_not_found");
        tenantViews.forget(request.params.id);
        for (const uid of change.accountUids) wake(uid, { express: false });
        await log(actorOf(request), request.params.id, `tenant.${verb}`, batch ?? request.params.id, given({ batch }));
        return showTenant(change.tenant);
      },
    );
  }

  app.post(
    "/v1/tenants/:id/keys",
    {
      config,
      schema: {
        tags,
        summary: "Make a key",
        description: "The key itself is in the answer, and never shown again.",
        params,
        body: keyInput,
        response: { 201: newKey, default: problemResponse },
      },
    },
    async (request, reply) => {
      const { scopes = ["submit", "read", "manage"], ...rest } = request.body;
      const made = await store.apiKeys.create(request.params.id, { scopes, ...given(rest) });
      if (made.kind === "tenant_not_found") throw new ProblemError("tenant_not_found");
      if (made.kind === "refused") throw new ProblemError("too_many_keys", made.detail);
      await log(actorOf(request), request.params.id, "key.create", made.apiKey.id, { scopes });
      return reply.code(201).send({ ...made.apiKey, scopes: [...made.apiKey.scopes], key: made.key });
    },
  );

  app.get(
    "/v1/tenants/:id/keys",
    {
      config,
      schema: {
        tags,
        summary: "List a tenant's keys",
        params,
        querystring: pageQuery,
        response: { 200: pageOf(key), default: problemResponse },
      },
    },
    async (request) => {
      const page = await store.apiKeys.list(request.params.id, given(request.query));
      return showPage(page, (one) => ({ ...one, scopes: [...one.scopes] }));
    },
  );

  app.delete(
    "/v1/tenants/:id/keys/:key",
    {
      config,
      schema: {
        tags,
        summary: "Delete a key",
        description: "It is refused within a second, everywhere.",
        params: keyParams,
        response: { 204: z.undefined().describe("Deleted."), default: problemResponse },
      },
    },
    async (request, reply) => {
      if (!(await store.apiKeys.delete(request.params.id, request.params.key))) throw new ProblemError("key_not_found");
      await log(actorOf(request), request.params.id, "key.delete", request.params.key);
      return reply.code(204).send();
    },
  );
}

type StoredTenant = NonNullable<Awaited<ReturnType<ApiDeps["store"]["tenants"]["get"]>>>;

function showTenant({ id: tenantId, state, settings, suspendedBatches, createdAt, updatedAt }: StoredTenant) {
  const { allowedSenders: _, ...caps } = settings;
  return {
    id: tenantId,
    state,
    ...caps,
    ...(settings.allowedSenders && { allowedSenders: [...settings.allowedSenders] }),
    suspendedBatches: [...suspendedBatches],
    createdAt,
    updatedAt,
  };
}
