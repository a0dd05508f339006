/** SMTP accounts: how a tenant's mail leaves. */
import { setTimeout as wait } from "node:timers/promises";
import { testDkimKey } from "@mailfleet/transport";
import { z } from "zod";
import { sendingSettings } from "../account-settings.ts";
import type { ApiDeps } from "../api-deps.ts";
import { type FieldError, ProblemError } from "../problems.ts";
import { type AccountInput, account, accountInput, readAccount, showAccount } from "../schemas/account.ts";
import { verification } from "../schemas/operations.ts";
import { given, pageOf, paging, showPage } from "../schemas/paging.ts";
import { id } from "../schemas/primitives.ts";
import { problemResponse } from "../schemas/problem.ts";
import { secretsRequired } from "../secret-fields.ts";
import { actorOf, type Server, tenantIdOf } from "../server.ts";
import { invalidRequest } from "../validation.ts";

const params = z.strictObject({ id });
const manage = { access: "manage", tenant: "required" } as const;
const read = { access: "read", tenant: "required" } as const;
const tags = ["accounts"];
/** A next hop that does not answer is a finding too, and is told in time. */
const verifyLimitMs = 20_000;

export function accountRoutes(app: Server, { store, verifyNextHop, wake }: ApiDeps): void {
  app.put(
    "/v1/accounts/:id",
    {
      config: manage,
      schema: {
        tags,
        summary: "Make or replace an account",
        description:
          "The first one is the tenant's default. Secrets that are left out are kept, unless they would go to another server; null clears them.",
        params,
        body: accountInput,
        response: { 200: account, 201: account, default: problemResponse },
      },
    },
    async (request, reply) => {
      const tenantId = tenantIdOf(request);
      await checkDkim(request.body, await keysOf(tenantId, request.params.id, request.body));
      const { settings, secrets } = readAccount(request.body);
      const put = await store.accounts.put(tenantId, request.params.id, settings, secrets);
      if (put.kind === "tenant_not_found") throw new ProblemError("tenant_not_found");
      if (put.kind === "refused") throw new ProblemError("too_many_accounts", put.detail);
      if (put.kind === "secrets_required") throw secretsRequired(put.names);
      await store.commandLog.add({
        actor: actorOf(request),
        tenantId,
        command: "account.put",
        target: request.params.id,
        detail: {},
      });
      if (!put.created) wake(put.account.uid, { express: false }); // Its block is lifted: it is tried at once.
      return reply.code(put.created ? 201 : 200).send(showAccount(put.account));
    },
  );

  /** Names of the signing keys that are stored. Looked up only where a key is left out. */
  async function keysOf(tenantId: string, accountId: string, { dkim = [] }: AccountInput): Promise<readonly string[]> {
    if (dkim.every(({ privateKey }) => typeof privateKey === "string")) return [];
    return (await store.accounts.get(tenantId, accountId))?.secretsPresent.dkim ?? [];
  }

  app.get(
    "/v1/accounts/:id",
    {
      config: read,
      schema: { tags, summary: "Show an account", params, response: { 200: account, default: problemResponse } },
    },
    async (request) => {
      const found = await store.accounts.get(tenantIdOf(request), request.params.id);
      if (!found) throw new ProblemError("account_not_found");
      return showAccount(found);
    },
  );

  app.get(
    "/v1/accounts",
    {
      config: read,
      schema: {
        tags,
        summary: "List accounts, by id",
        querystring: z.strictObject(paging),
        response: { 200: pageOf(account), default: problemResponse },
      },
    },
    async (request) => showPage(await store.accounts.list(tenantIdOf(request), given(request.query)), showAccount),
  );

  app.delete(
    "/v1/accounts/:id",
    {
      config: manage,
      schema: {
        tags,
        summary: "Delete an account",
        description: "Refused while it has mail that has not ended.",
        params,
        response: { 204: z.undefined().describe("Deleted."), default: problemResponse },
      },
    },
    async (request, reply) => {
      const tenantId = tenantIdOf(request);
      const gone = await store.accounts.delete(tenantId, request.params.id);
      if (gone.kind === "not_found") throw new ProblemError("account_not_found");
      if (gone.kind === "refused") throw new ProblemError("account_has_mail", gone.detail);
      await store.commandLog.add({
        actor: actorOf(request),
        tenantId,
        command: "account.delete",
        target: request.params.id,
        detail: {},
      });
      return reply.code(204).send();
    },
  );

  app.post(
    "/v1/accounts/:id/verify",
    {
      config: manage,
      schema: {
        tags,
        summary: "Try an account's next hop, without sending anything",
        description: "Connects, logs in, and asks for the null reverse-path and a foreign sender.",
        params,
        response: { 200: verification, default: problemResponse },
      },
    },
    async (request) => {
      const found = await store.accounts.get(tenantIdOf(request), request.params.id);
      const opened = found && (await store.accounts.openForSending(found.uid, found.revision));
      if (!opened) throw new ProblemError("account_not_found");
      const settings = await sendingSettings(opened);
      if (settings.kind === "unusable")
        return { ...noReport, steps: [{ step: "login", ok: false, detail: settings.detail }] };
      if (settings.refreshToken !== undefined) {
        const { refreshToken } = settings;
        await store.accounts.put(found.tenantId, found.id, found.settings, { refreshToken });
      }
      const late = new AbortController();
      const report = await Promise.race([
        verifyNextHop(settings.settings),
        wait(verifyLimitMs, undefined, { signal: late.signal }).catch(() => undefined),
      ]).finally(() => late.abort());
      if (!report)
        return { ...noReport, steps: [{ step: "connect", ok: false, detail: "It does not answer in time." }] };
      return {
        ok: report.ok,
        steps: report.steps.map((step) => ({ ...step })),
        extensions: [...report.extensions],
        ...given({
          sizeLimitBytes: report.sizeLimitBytes,
          acceptsNullReversePath: report.acceptsNullReversePath,
          acceptsForeignSender: report.acceptsForeignSender,
        }),
      };
    },
  );
}

const noReport = { ok: false, extensions: [] };

/** A key that cannot sign is refused here: found out later, mail would go out unsigned, or not at all. */
async function checkDkim({ dkim = [] }: AccountInput, stored: readonly string[]): Promise<void> {
  const errors: FieldError[] = [];
  for (const [i, { domain, selector, privateKey }] of dkim.entries()) {
    const path = `/dkim/${i}/privateKey`;
    if (typeof privateKey === "string") {
      const tested = await testDkimKey({ domain, selector, privateKeyPem: privateKey });
      if (!tested.ok) errors.push({ path, code: "bad_dkim_key", detail: tested.detail });
    } else if (privateKey === null || !stored.includes(`${selector}._domainkey.${domain}`)) {
      errors.push({
        path,
        code: "secret_required",
        detail: "No private key is stored for it; leave the entry out to stop signing.",
      });
    }
  }
  if (errors.length > 0) throw invalidRequest(errors);
}
