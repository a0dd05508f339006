/** How a mailbox is answered, as the API writes and shows it. */
import { type AnswererSettings, type AnswerSettings, parseMailbox } from "@mailfleet/mail";
import { z } from "zod";
import { given } from "./paging.ts";
import { address, domain, duration, id, issue, line, list, secret, showDuration } from "./primitives.ts";

const url = z.url({ protocol: /^https?$/, message: "Not an http or https URL." }).max(2_048);
const count = (max: number) => z.int().min(1).max(max);
const amount = z.number().min(0).max(1_000_000_000);
const within = (min: number, max: number, what: string) =>
  duration.superRefine((ms, context) => {
    if (ms < min || ms > max) issue(context, "bad_value", what);
  });

const mailbox = line(1_024).superRefine((text, context) => {
  const parsed = parseMailbox(text);
  if (!parsed.ok) issue(context, parsed.code, parsed.detail);
});

const folder = line(255)
  .min(1)
  .describe("A folder's name; `\\\\Sent`, `\\\\Drafts` and the like are found by their use (RFC 6154).");

const template = z
  .strictObject({
    subject: z.string().max(998).optional(),
    text: z.string().max(262_144).optional(),
    html: z.string().max(262_144).optional(),
  })
  .superRefine(({ text, html }, context) => {
    if (text === undefined && html === undefined) issue(context, "required", "A template has text, html, or both.");
  })
  .describe("Liquid; see the page on answering for its variables.");

const webhook = z.strictObject({
  url,
  secret: secret(512).describe("Signs what is sent (Standard Webhooks), `whsec_…`."),
  timeout: within(1_000, 300_000, "From 1s to 5m.").optional().describe("30s where it is absent."),
});

const toolName = z.string().regex(/^[A-Za-z][A-Za-z0-9_-]{0,63}$/, "Letters, digits, _ and -, at most 64.");

const httpTool = z.strictObject({
  name: toolName,
  description: z.string().min(1).max(1_024),
  url,
  method: z.enum(["GET", "POST"]).default("POST"),
  parameters: z.record(z.string(), z.unknown()).describe("JSON Schema of its arguments."),
  timeout: within(1_000, 300_000, "From 1s to 5m.").optional().describe("30s where it is absent."),
});

const model = z.strictObject({
  url: url.describe("The base of an OpenAI-compatible endpoint, such as https://models.example.org/v1."),
  key: secret(4_096),
  model: line(256).min(1),
  systemPrompt: z.string().min(1).max(65_536),
  temperature: z.number().min(0).max(2).optional(),
  timeout: within(1_000, 900_000, "From 1s to 15m.").optional().describe("2m where it is absent."),
  maxOutputTokens: count(1_000_000).optional().describe("2000 where it is absent."),
  images: z.boolean().optional(),
  threadMessages: z.int().min(0).max(50).optional().describe("10 where it is absent."),
  fallback: z.string().min(1).max(65_536).optional().describe("Sent once where the model fails for good."),
  tools: list(toolName, 50).optional().describe("The operator's tools that it may use."),
  httpTools: list(httpTool, 20).optional(),
  toolToken: secret(4_096)
    .superRefine((token, context) => {
      // RFC 6750 section 2.1
      if (typeof token === "string" && !/^[A-Za-z0-9._~+/-]+=*$/.test(token)) {
        issue(context, "bad_format", "A bearer token has letters, digits and . _ ~ + / - =, the last at its end only.");
      }
    })
    .describe("A secret that each HTTP tool is shown as its bearer token: kept where it is absent, cleared by null."),
  linkHosts: list(domain, 100)
    .optional()
    .describe("Hosts that an answer may link to, with their subdomains; none where it is absent."),
  maxSteps: count(50).optional().describe("8 where it is absent."),
  tokensPerMessage: count(10_000_000).optional().describe("50000 where it is absent."),
  tokensPerDay: count(10_000_000_000).optional(),
  costPerMessage: amount.optional(),
  costPerDay: amount.optional(),
  price: z.strictObject({ inputPerMillion: amount, outputPerMillion: amount }).optional(),
});

const answerers = ["template", "webhook", "model"] as const;

export const answerInput = z
  .strictObject({
    mode: z.enum(["send", "draft", "approve", "shadow"]).optional().describe("`send`; for a model, `approve`."),
    account: id.optional(),
    from: mailbox.describe("The From of answers."),
    reversePath: address.optional().describe("The null reverse-path where it is absent."),
    answerAfter: duration.optional(),
    quoteOriginal: z.boolean().optional().describe("true where it is absent."),
    appendTo: folder.optional(),
    markAnswered: z.boolean().optional().describe("true where it is absent."),
    markSeen: z.boolean().optional(),
    moveTo: folder.optional(),
    inDoubt: z.enum(["retry", "hold"]).optional().describe("`hold`: an answer is never sent twice."),
    limits: z
      .strictObject({
        perCorrespondentPerDay: count(1_000).optional().describe("4 where it is absent."),
        perHour: count(1_000_000).optional().describe("100 where it is absent."),
        threadDepth: count(1_000).optional().describe("10 where it is absent."),
      })
      .optional(),
    requireAuthentication: z
      .boolean()
      .optional()
      .describe(
        "Answer only where an aligned SPF, DKIM or DMARC pass is on record: true for a webhook or a model, else false.",
      ),
    escalate: z
      .strictObject({
        forwardTo: address.optional(),
        moveTo: folder.optional(),
        url: url.optional(),
        secret: secret(512).describe(
          "Signs the call, as a webhook's does; where none is stored, the webhook's own does.",
        ),
      })
      .optional(),
    maxTries: count(100).optional().describe("5 where it is absent."),
    template: template.optional(),
    webhook: webhook.optional(),
    model: model.optional(),
  })
  .superRefine((answer, context) => {
    const named = answerers.filter((kind) => answer[kind] !== undefined);
    if (named.length !== 1)
      issue(context, named.length === 0 ? "required" : "bad_value", "Exactly one of template, webhook and model.");
  });

export type AnswerInput = z.output<typeof answerInput>;

export function readAnswer(input: AnswerInput): AnswerSettings {
  const answerer = readAnswerer(input);
  const { limits = {} } = input;
  return given({
    answerer,
    mode: input.mode ?? (answerer.kind === "model" ? "approve" : "send"),
    account: input.account,
    from: input.from,
    reversePath: input.reversePath,
    answerAfterMs: input.answerAfter,
    quoteOriginal: input.quoteOriginal ?? true,
    appendTo: input.appendTo,
    markAnswered: input.markAnswered ?? true,
    markSeen: input.markSeen ?? false,
    moveTo: input.moveTo,
    inDoubt: input.inDoubt ?? "hold",
    limits: {
      perCorrespondentPerDay: limits.perCorrespondentPerDay ?? 4,
      perHour: limits.perHour ?? 100,
      threadDepth: limits.threadDepth ?? 10,
    },
    requireAuthentication: input.requireAuthentication ?? answerer.kind !== "template",
    escalate: input.escalate && readEscalation(input.escalate),
    maxTries: input.maxTries ?? 5,
  }) as AnswerSettings;
}

function readEscalation({ secret: _, ...rest }: NonNullable<AnswerInput["escalate"]>): AnswerSettings["escalate"] {
  return given(rest) as AnswerSettings["escalate"];
}

function readAnswerer({ template: liquid, webhook: hook, model: endpoint }: AnswerInput): AnswererSettings {
  if (liquid) return { kind: "template", ...given(liquid) } as AnswererSettings;
  if (hook) return { kind: "webhook", url: hook.url, timeoutMs: hook.timeout ?? 30_000 };
  if (!endpoint) throw new TypeError("the answer was not checked");
  const { key: _, toolToken: __, timeout, httpTools = [], ...rest } = endpoint;
  return {
    kind: "model",
    ...given(rest),
    timeoutMs: timeout ?? 120_000,
    maxOutputTokens: rest.maxOutputTokens ?? 2_000,
    images: rest.images ?? false,
    threadMessages: rest.threadMessages ?? 10,
    tools: rest.tools ?? [],
    httpTools: httpTools.map(({ timeout: limit, ...tool }) => ({ ...tool, timeoutMs: limit ?? 30_000 })),
    linkHosts: rest.linkHosts ?? [],
    maxSteps: rest.maxSteps ?? 8,
    tokensPerMessage: rest.tokensPerMessage ?? 50_000,
  } as AnswererSettings;
}

export const answerSecrets = ({ webhook: hook, model: endpoint, escalate }: AnswerInput) =>
  given({
    webhookSecret: hook?.secret,
    escalateSecret: escalate?.secret,
    modelKey: endpoint?.key,
    toolToken: endpoint?.toolToken,
  });

export function showAnswer({ answerer, answerAfterMs, ...rest }: AnswerSettings): Record<string, unknown> {
  const { kind, ...settings } = answerer;
  const shown: Record<string, unknown> = { ...settings };
  if ("timeoutMs" in answerer) {
    delete shown.timeoutMs;
    shown.timeout = showDuration(answerer.timeoutMs);
  }
  if ("httpTools" in answerer) {
    shown.httpTools = answerer.httpTools.map(({ timeoutMs, ...tool }) => ({
      ...tool,
      timeout: showDuration(timeoutMs),
    }));
  }
  return { ...rest, ...(answerAfterMs !== undefined && { answerAfter: showDuration(answerAfterMs) }), [kind]: shown };
}
