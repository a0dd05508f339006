/** Watched mailboxes: what comes in, and how it is answered. */
import {
  checkModelSettings,
  checkTemplate,
  checkUrl,
  type OperatorConfig,
  parseWebhookSecrets,
} from "@mailfleet/answer";
import type { AnswererSettings, MailboxSettings } from "@mailfleet/mail";
import type { Mailbox, MailboxSecretChanges, QuestionKind } from "@mailfleet/store";
import { z } from "zod";
import type { ApiDeps } from "../api-deps.ts";
import { type FieldError, ProblemError } from "../problems.ts";
import {
  backfillInput,
  mailbox,
  mailboxInput,
  mailboxVerification,
  readMailbox,
  resumeInput,
  showMailbox,
  trial,
  tryInput,
} from "../schemas/mailbox.ts";
import { given, pageOf, paging, showPage } from "../schemas/paging.ts";
import { id } from "../schemas/primitives.ts";
import { problemResponse } from "../schemas/problem.ts";
import { secretFields, secretsRequired } from "../secret-fields.ts";
import { actorOf, type Server, tenantIdOf } from "../server.ts";
import { checkUsable } from "../usable-mailbox.ts";
import { invalidRequest } from "../validation.ts";

const params = z.strictObject({ id });
const manage = { access: "manage", tenant: "required" } as const;
const read = { access: "read", tenant: "required" } as const;
const tags = ["mailboxes"];
/** A login at a slow server, or a model that thinks, is waited for this long. */
const questionMs = 25_000;

export function mailboxRoutes(app: Server, { store, operator, now }: ApiDeps): void {
  const log = (actor: string, tenantId: string, command: string, target: string, detail = {}) =>
    store.commandLog.add({ actor, tenantId, command, target, detail });

  async function found(tenantId: string, mailboxId: string): Promise<Mailbox> {
    const one = await store.mailboxes.get(tenantId, mailboxId);
    if (!one) throw new ProblemError("mailbox_not_found");
    return one;
  }

  /** Has a worker look, since only a watcher speaks IMAP and only an answer worker has the tools. */
  async function ask(kind: QuestionKind, { tenantId, uid }: Mailbox, bytes?: Uint8Array): Promise<unknown> {
    const question = await store.questions.ask(kind, { tenantId, mailboxUid: uid, ...(bytes && { bytes }) });
    const answer = await store.questions.answerTo(question, AbortSignal.timeout(questionMs));
    if (answer === undefined) {
      const app = kind === "verify" ? "imap-watch" : "answer-worker";
      throw new ProblemError("no_worker", `No ${app} has answered within ${questionMs / 1_000} s.`, {
        retryAfterSeconds: 5,
      });
    }
    return answer;
  }

  app.put(
    "/v1/mailboxes/:id",
    {
      config: manage,
      schema: {
        tags,
        summary: "Make or replace a mailbox",
        description:
          "It is followed from now on, or from `startAt`; one whose host, user or folder changes begins anew so. Secrets that are left out are kept, unless they would go to another place; null clears them. A replaced mailbox is tried at once, even where its login was refused before.",
        params,
        body: mailboxInput,
        response: { 200: mailbox, 201: mailbox, default: problemResponse },
      },
    },
    async (request, reply) => {
      const tenantId = tenantIdOf(request);
      const { settings, secrets } = readMailbox(request.body);
      await checkSecrets(settings, secrets, () => store.mailboxes.get(tenantId, request.params.id));
      checkAnswerer(settings, secrets, operator);
      await checkUsable(settings, async (account) => (await store.accounts.get(tenantId, account)) !== undefined);
      const put = await store.mailboxes.put(tenantId, request.params.id, settings, secrets);
      if (put.kind === "tenant_not_found") throw new ProblemError("tenant_not_found");
      if (put.kind === "refused") throw new ProblemError(put.code, put.detail);
      if (put.kind === "secrets_required") throw secretsRequired(put.names);
      await log(actorOf(request), tenantId, "mailbox.put", request.params.id);
      return reply.code(put.created ? 201 : 200).send(showMailbox(put.mailbox));
    },
  );

  app.get(
    "/v1/mailboxes/:id",
    {
      config: read,
      schema: {
        tags,
        summary: "Show a mailbox and up to where it is complete",
        params,
        response: { 200: mailbox, default: problemResponse },
      },
    },
    async (request) => showMailbox(await found(tenantIdOf(request), request.params.id)),
  );

  app.get(
    "/v1/mailboxes",
    {
      config: read,
      schema: {
        tags,
        summary: "List mailboxes, by id",
        querystring: z.strictObject(paging),
        response: { 200: pageOf(mailbox), default: problemResponse },
      },
    },
    async (request) => showPage(await store.mailboxes.list(tenantIdOf(request), given(request.query)), showMailbox),
  );

  app.delete(
    "/v1/mailboxes/:id",
    {
      config: manage,
      schema: {
        tags,
        summary: "Stop following a mailbox, and forget it",
        description: "What waits for an answer ends as skipped; the mail itself stays where it is.",
        params,
        response: { 204: z.undefined().describe("Deleted."), default: problemResponse },
      },
    },
    async (request, reply) => {
      const tenantId = tenantIdOf(request);
      if (!(await store.mailboxes.delete(tenantId, request.params.id))) throw new ProblemError("mailbox_not_found");
      await log(actorOf(request), tenantId, "mailbox.delete", request.params.id);
      return reply.code(204).send();
    },
  );

  app.post(
    "/v1/mailboxes/:id/verify",
    {
      config: manage,
      schema: {
        tags,
        summary: "Log in to a mailbox, and say what its server can do",
        description: "A watcher does it, within 25 s.",
        params,
        response: { 200: mailboxVerification, default: problemResponse },
      },
    },
    async (request) =>
      (await ask("verify", await found(tenantIdOf(request), request.params.id))) as z.output<
        typeof mailboxVerification
      >,
  );

  app.post(
    "/v1/mailboxes/:id/try",
    {
      config: { ...manage, alsoTakes: "message/rfc822" },
      schema: {
        tags,
        summary: "Say what would become of a message, without sending anything",
        description: "The body is JSON, or the message itself as `message/rfc822`. Tools are not run.",
        params,
        body: tryInput,
        response: { 200: trial, default: problemResponse },
      },
    },
    async (request) => {
      const bytes = Buffer.from(request.body.content, "base64");
      if (bytes.length === 0) throw new ProblemError("body_required");
      return (await ask("try", await found(tenantIdOf(request), request.params.id), bytes)) as z.output<typeof trial>;
    },
  );

  app.post(
    "/v1/mailboxes/:id/backfill",
    {
      config: manage,
      schema: {
        tags,
        summary: "Look through a window of the past",
        description:
          "What ended on arrival as before_start or too_old is taken up, and all else that is known stays as it is; what is still too old to be answered is recorded as such.",
        params,
        body: backfillInput,
        response: { 202: mailbox, default: problemResponse },
      },
    },
    async (request, reply) => {
      const tenantId = tenantIdOf(request);
      const window = given(request.body) as { since: Date; until?: Date };
      if (window.since > now())
        throw invalidRequest([{ path: "/since", code: "bad_value", detail: "It lies in the future." }]);
      if (!(await store.mailboxes.backfill(tenantId, request.params.id, window)))
        throw new ProblemError("mailbox_not_found");
      await log(actorOf(request), tenantId, "mailbox.backfill", request.params.id, window);
      return reply.code(202).send(showMailbox(await found(tenantId, request.params.id)));
    },
  );

  app.post(
    "/v1/mailboxes/:id/resume",
    {
      config: manage,
      schema: {
        tags,
        summary: "Go on with a mailbox that is paused",
        params,
        body: resumeInput,
        response: { 202: mailbox, default: problemResponse },
      },
    },
    async (request, reply) => {
      const tenantId = tenantIdOf(request);
      const one = await found(tenantId, request.params.id);
      if (!(await store.mailboxes.resume(tenantId, one.id, request.body.unknown)))
        throw new ProblemError("mailbox_not_paused");
      await log(actorOf(request), tenantId, "mailbox.resume", one.id, request.body);
      return reply.code(202).send(showMailbox(await found(tenantId, one.id)));
    },
  );

  for (const [verb, stopped, summary] of [
    ["stop-answering", true, "The kill switch: nothing from this mailbox is answered any more"],
    ["start-answering", false, "Answer again, and first what has waited"],
  ] as const) {
    app.post(
      `/v1/mailboxes/:id/${verb}`,
      { config: manage, schema: { tags, summary, params, response: { 200: mailbox, default: problemResponse } } },
      async (request) => {
        const tenantId = tenantIdOf(request);
        if (!(await store.mailboxes.setAnswering(tenantId, request.params.id, stopped)))
          throw new ProblemError("mailbox_not_found");
        await log(actorOf(request), tenantId, `mailbox.${verb}`, request.params.id);
        return showMailbox(await found(tenantId, request.params.id));
      },
    );
  }
}

/** Without its secret a mailbox could not be followed, or answered: refused now, and not found out at night. */
async function checkSecrets(
  { auth, answer }: MailboxSettings,
  given: MailboxSecretChanges,
  stored: () => Promise<Mailbox | undefined>,
): Promise<void> {
  const needed = [
    ...(auth.kind === "password" ? [["pass", secretFields.pass] as const] : []),
    ...(auth.kind === "oauth2" && auth.grant === "refresh_token"
      ? [["refreshToken", secretFields.refreshToken] as const]
      : []),
    ...(auth.kind === "oauth2" && auth.grant === "client_credentials"
      ? [["clientSecret", secretFields.clientSecret] as const]
      : []),
    ...(answer?.answerer.kind === "webhook" ? [["webhookSecret", "/answer/webhook/secret"] as const] : []),
    ...(answer?.answerer.kind !== "webhook" && answer?.escalate?.url !== undefined
      ? [["escalateSecret", "/answer/escalate/secret"] as const]
      : []),
  ];
  if (needed.every(([name]) => typeof given[name] === "string")) return;
  const present = (await stored())?.secretsPresent;
  const errors = needed
    .filter(([name]) => typeof given[name] !== "string" && (given[name] === null || !present?.[name]))
    .map(([, path]): FieldError => ({ path, code: "secret_required", detail: "It is neither given nor stored." }));
  if (errors.length > 0) throw invalidRequest(errors);
}

/** What no answer worker could use is refused now: by the operator's rules, and as the answerers themselves see it. */
function checkAnswerer({ answer }: MailboxSettings, secrets: MailboxSecretChanges, operator: OperatorConfig): void {
  if (!answer) return;
  const problems = [
    ...answererProblems(answer.answerer, operator),
    ...secretProblems("webhook.secret", secrets.webhookSecret),
    ...secretProblems("escalate.secret", secrets.escalateSecret),
  ];
  const call = answer.escalate?.url === undefined ? undefined : checkUrl(operator, answer.escalate.url);
  if (call) problems.push({ field: "escalate.url", code: call.code, detail: call.detail });
  const errors = problems.map(({ field, code, detail }): FieldError => {
    const path = field.replaceAll(/\[(\d+)\]/g, ".$1").replaceAll(".", "/");
    return { path: `/answer/${path}`, code, detail };
  });
  if (errors.length > 0) throw invalidRequest(errors);
}

interface AnswerProblem {
  readonly field: string;
  readonly code: string;
  readonly detail: string;
}

function answererProblems(answerer: AnswererSettings, operator: OperatorConfig): AnswerProblem[] {
  const within = (problems: readonly AnswerProblem[]) =>
    problems.map((problem) => ({ ...problem, field: `${answerer.kind}.${problem.field}` }));
  switch (answerer.kind) {
    case "template":
      return within(checkTemplate(answerer));
    case "model":
      return within(checkModelSettings(answerer, operator));
    case "webhook": {
      const refused = checkUrl(operator, answerer.url);
      return refused ? within([{ ...refused, field: "url" }]) : [];
    }
  }
}

function secretProblems(field: string, secret: string | null | undefined): AnswerProblem[] {
  if (typeof secret !== "string") return [];
  const parsed = parseWebhookSecrets(secret);
  return parsed.ok ? [] : [{ field, code: "bad_format", detail: parsed.detail }];
}
