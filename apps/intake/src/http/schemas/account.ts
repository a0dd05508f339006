/** An SMTP account, as the API writes and shows it; and the way between that and the store's settings. */
import { parseDomain } from "@mailfleet/mail";
import type { Account, AccountSettings, RateLimits, SecretChanges } from "@mailfleet/store";
import { z } from "zod";
import { caPem, oauth2Fields, passwordLogin } from "./login.ts";
import { given } from "./paging.ts";
import { address, domain, duration, hostName, issue, list, secret, senderPattern, showDuration } from "./primitives.ts";

const count = z.int().min(1).max(1_000_000_000);
const rates = { perMinute: count.optional(), perHour: count.optional(), perDay: count.optional() };

const asciiDomain = z
  .string()
  .max(255, { abort: true })
  .transform((text, context) => {
    const parsed = parseDomain(text);
    return parsed.ok ? parsed.ascii : issue(context, parsed.code, parsed.detail);
  })
  .describe("A domain.");

const selector = z
  .string()
  .max(253, { abort: true })
  .regex(
    /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$/,
    "Not a DKIM selector.",
  );

const dkimKey = z.strictObject({ domain: asciiDomain, selector, privateKey: secret(16_384).describe("PEM, RSA.") });

const oauth2 = z.strictObject({ oauth2: z.strictObject(oauth2Fields) });

const auth = z
  .union([passwordLogin, oauth2])
  .describe("`{user, pass}`, or `{oauth2: {…}}`; without it nobody logs in.");

export const accountInput = z
  .strictObject({
    host: hostName,
    port: z.int().min(1).max(65_535).optional().describe("465, 587 or 25 where it is absent, by `security`."),
    security: z.enum(["tls", "starttls", "none"]).default("starttls"),
    auth: auth.optional(),
    dkim: z
      .union([dkimKey.transform((one) => [one]), list(dkimKey, 50)])
      .optional()
      .describe("Signs mail whose From has this domain. A key is tested before it is stored."),
    maxConnections: z.int().min(1).max(1_000).optional().describe("5 where it is absent."),
    limits: z
      .strictObject({
        ...rates,
        perDomain: z
          .record(z.string().max(255), z.strictObject(rates))
          .transform((entries, context) => {
            const read = Object.entries(entries).map(([name, limit]) => {
              const parsed = name === "*" ? { ok: true as const, domain: "*" } : parseDomain(name);
              return parsed.ok
                ? ([parsed.domain, limit] as const)
                : issue(context, parsed.code, "A name is neither a domain nor *.");
            });
            if (read.length > 1_000) return issue(context, "too_many", "At most 1000 domains.");
            return Object.fromEntries(read);
          })
          .optional()
          .describe("By recipient domain; `*` is each that is not named."),
        behavior: z.enum(["defer", "reject"]).optional(),
      })
      .optional(),
    retry: z
      .strictObject({
        base: duration.optional(),
        factor: z.number().min(1).max(100).optional(),
        max: duration.optional(),
        maxAttempts: z.int().min(1).max(1_000).optional(),
        giveUpAfter: duration.optional(),
      })
      .optional(),
    bounces: z
      .strictObject({
        mode: z.enum(["asGiven", "fixed", "verp"]),
        address: address.optional(),
        domain: domain.optional(),
      })
      .superRefine(({ mode, address: fixed, domain: own }, context) => {
        const missing =
          mode === "fixed" && fixed === undefined ? "address" : mode === "verp" && own === undefined ? "domain" : "";
        if (missing)
          context.addIssue({
            code: "custom",
            path: [missing],
            message: `${mode} needs it.`,
            params: { code: "required" },
          });
      })
      .optional(),
    nullReversePath: address.optional().describe("Stands in for `<>` where the next hop refuses that."),
    lmtp: z.boolean().optional(),
    allowClearTextAuth: z.boolean().optional(),
    caPem: caPem.optional(),
    allowInvalidCertificate: z.boolean().optional(),
    ehloName: asciiDomain.optional(),
    allowedSenders: list(senderPattern, 1_000).optional(),
  })
  .superRefine(({ security, auth: login, allowClearTextAuth }, context) => {
    if (security !== "none" || login === undefined || allowClearTextAuth === true) return;
    const message = "Without TLS the login travels in clear text: true allows it.";
    context.addIssue({ code: "custom", path: ["allowClearTextAuth"], message, params: { code: "required" } });
  })
  .meta({ id: "AccountFields" });

export type AccountInput = z.output<typeof accountInput>;

const defaultPorts = { tls: 465, starttls: 587, none: 25 } as const;

/** The store's settings, and what happens to the secrets. */
export function readAccount(input: AccountInput): { settings: AccountSettings; secrets: SecretChanges } {
  const { auth: login, dkim, retry, port, limits, bounces, ...rest } = input;
  const settings = given({
    ...rest,
    port: port ?? defaultPorts[input.security],
    auth: login && readAuth(login),
    dkim: dkim?.map(({ domain: signed, selector: name }) => ({ domain: signed, selector: name })),
    limits: limits && given({ ...limits, perDomain: limits.perDomain && readDomains(limits.perDomain) }),
    bounces: bounces && given(bounces),
    retry:
      retry &&
      given({
        baseMs: retry.base,
        factor: retry.factor,
        maxMs: retry.max,
        maxAttempts: retry.maxAttempts,
        giveUpAfterMs: retry.giveUpAfter,
      }),
  }) as AccountSettings;
  const keys = (dkim ?? []).flatMap(({ domain: signed, selector: name, privateKey }) =>
    privateKey === undefined ? [] : [[`${name}._domainkey.${signed}`, privateKey] as const],
  );
  const changes = login && ("oauth2" in login ? login.oauth2 : login);
  const secrets = given({
    pass: changes && "pass" in changes ? changes.pass : undefined,
    clientSecret: changes && "clientSecret" in changes ? changes.clientSecret : undefined,
    refreshToken: changes && "refreshToken" in changes ? changes.refreshToken : undefined,
    dkim: keys.length > 0 ? Object.fromEntries(keys) : undefined,
  }) as SecretChanges;
  return { settings, secrets };
}

function readAuth(login: NonNullable<AccountInput["auth"]>): AccountSettings["auth"] {
  if (!("oauth2" in login)) return { kind: "password", user: login.user };
  const { user, tokenUrl, clientId, scope } = login.oauth2;
  return { kind: "oauth2", user, tokenUrl, clientId, ...(scope !== undefined && { scope }) };
}

const readDomains = (entries: Record<string, object>): Record<string, RateLimits> =>
  Object.fromEntries(Object.entries(entries).map(([name, limit]) => [name, given(limit) as RateLimits]));

export const account = z
  .object({
    id: z.string(),
    isDefault: z.boolean(),
    host: z.string(),
    port: z.int(),
    security: z.enum(["tls", "starttls", "none"]),
    auth: z.record(z.string(), z.unknown()).optional().describe("Without its secrets."),
    dkim: z.array(z.object({ domain: z.string(), selector: z.string() })).optional(),
    maxConnections: z.int(),
    limits: z.record(z.string(), z.unknown()).optional(),
    retry: z.record(z.string(), z.unknown()).optional(),
    bounces: z.record(z.string(), z.unknown()).optional(),
    nullReversePath: z.string().optional(),
    lmtp: z.boolean().optional(),
    allowClearTextAuth: z.boolean().optional(),
    caPem: z.string().optional(),
    allowInvalidCertificate: z.boolean().optional(),
    ehloName: z.string().optional(),
    allowedSenders: z.array(z.string()).optional(),
    secrets: z
      .object({ pass: z.boolean(), clientSecret: z.boolean(), refreshToken: z.boolean(), dkim: z.array(z.string()) })
      .describe("Which secrets are stored."),
    blockedUntil: z.date().nullable(),
    blockReason: z.string().nullable(),
    createdAt: z.date(),
    updatedAt: z.date(),
  })
  .meta({ id: "Account" });

export function showAccount(stored: Account): z.output<typeof account> {
  const { auth: login, retry, ...settings } = stored.settings;
  return given({
    id: stored.id,
    isDefault: stored.isDefault,
    ...settings,
    maxConnections: settings.maxConnections ?? 5,
    auth: login && showAuth(login),
    retry:
      retry &&
      given({
        base: retry.baseMs === undefined ? undefined : showDuration(retry.baseMs),
        factor: retry.factor,
        max: retry.maxMs === undefined ? undefined : showDuration(retry.maxMs),
        maxAttempts: retry.maxAttempts,
        giveUpAfter: retry.giveUpAfterMs === undefined ? undefined : showDuration(retry.giveUpAfterMs),
      }),
    secrets: stored.secretsPresent,
    blockedUntil: stored.blockedUntil,
    blockReason: stored.blockReason,
    createdAt: stored.createdAt,
    updatedAt: stored.updatedAt,
  }) as unknown as z.output<typeof account>;
}

function showAuth(login: NonNullable<AccountSettings["auth"]>): Record<string, unknown> {
  const { kind, ...rest } = login;
  return kind === "password" ? rest : { oauth2: rest };
}
