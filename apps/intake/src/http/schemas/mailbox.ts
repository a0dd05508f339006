/** A watched mailbox, as the API writes and shows it; and the way between that and the store's settings. */
import type { MailboxSettings } from "@mailfleet/mail";
import type { Mailbox, MailboxSecretChanges } from "@mailfleet/store";
import { z } from "zod";
import { answerInput, answerSecrets, readAnswer, showAnswer } from "./answer.ts";
import { caPem, oauth2Fields, passwordLogin } from "./login.ts";
import { given } from "./paging.ts";
import { address, duration, hostName, instant, issue, line, list, senderPattern, showDuration } from "./primitives.ts";

const oauth2 = z.strictObject({
  oauth2: z.strictObject({
    ...oauth2Fields,
    grant: z.enum(["refresh_token", "client_credentials"]).default("refresh_token"),
  }),
});

const term = line(255).min(1).optional();

export const mailboxInput = z
  .strictObject({
    host: hostName,
    port: z.int().min(1).max(65_535).optional().describe("993 or 143 where it is absent, by `security`."),
    security: z.enum(["tls", "starttls", "none"]).default("tls"),
    auth: z.union([passwordLogin, oauth2]).describe("`{user, pass}`, or `{oauth2: {…}}`."),
    caPem: caPem.optional(),
    allowInvalidCertificate: z.boolean().optional(),
    allowClearTextAuth: z.boolean().optional(),
    folder: line(255).min(1).default("INBOX"),
    mode: z.enum(["idle", "poll"]).default("idle").describe("A server without IDLE is polled."),
    pollInterval: duration
      .superRefine((ms, context) => {
        if (ms < 5_000 || ms > 86_400_000) issue(context, "bad_value", "From 5s to 24h.");
      })
      .optional()
      .describe("1m where it is absent."),
    take: z
      .enum(["unseen", "all"])
      .default("unseen")
      .describe("`unseen`: what a person has opened before us is theirs."),
    filters: z
      .strictObject({ from: term, to: term, subject: term, body: term })
      .optional()
      .describe("Searched for by the server: an optimisation, not a security control."),
    allowedSenders: list(senderPattern, 1_000).optional().describe("Everyone where it is absent or empty."),
    blockedSenders: list(senderPattern, 1_000).optional(),
    role: z.enum(["answer", "notify", "bounces"]).default("answer"),
    answer: answerInput.optional(),
    maxAge: duration.optional().describe("Older mail is not answered; 72h where it is absent."),
    startAt: instant
      .optional()
      .describe(
        "What arrived before is not taken. Where it is absent: the moment at which the mailbox is made, or its host, user or folder changes.",
      ),
    recordsReturnPath: z
      .boolean()
      .default(false)
      .describe("The server writes Return-Path, so that a missing one means something."),
    authservIds: list(line(255).min(1), 20).optional().describe("Whose Authentication-Results count."),
    ownAddresses: list(address, 100).optional(),
  })
  .superRefine(({ role, answer }, context) => {
    const wrong = role === "answer" && !answer ? "required" : role !== "answer" && answer ? "bad_value" : undefined;
    if (wrong) {
      const message = "A mailbox of role answer says how, and no other does.";
      context.addIssue({ code: "custom", path: ["answer"], message, params: { code: wrong } });
    }
  })
  .meta({ id: "MailboxFields" });

export type MailboxInput = z.output<typeof mailboxInput>;

const defaultPorts = { tls: 993, starttls: 143, none: 143 } as const;

/** The store's settings, and what happens to the secrets. */
export function readMailbox(input: MailboxInput): { settings: MailboxSettings; secrets: MailboxSecretChanges } {
  const { auth: login, port, pollInterval, answer, maxAge, startAt, filters, ...rest } = input;
  const settings = given({
    ...rest,
    port: port ?? defaultPorts[input.security],
    auth: readAuth(login),
    pollIntervalMs: pollInterval ?? 60_000,
    filters: filters && given(filters),
    answer: answer && readAnswer(answer),
    maxAgeMs: maxAge ?? 259_200_000,
    startAt: startAt?.toISOString(),
    authservIds: input.authservIds ?? [],
    ownAddresses: input.ownAddresses ?? [],
  }) as MailboxSettings;
  const credentials = "oauth2" in login ? login.oauth2 : login;
  const secrets = given({
    pass: "pass" in credentials ? credentials.pass : undefined,
    clientSecret: "clientSecret" in credentials ? credentials.clientSecret : undefined,
    refreshToken: "refreshToken" in credentials ? credentials.refreshToken : undefined,
    ...(answer && answerSecrets(answer)),
  }) as MailboxSecretChanges;
  return { settings, secrets };
}

function readAuth(login: MailboxInput["auth"]): MailboxSettings["auth"] {
  if (!("oauth2" in login)) return { kind: "password", user: login.user };
  const { clientSecret: _, refreshToken: __, ...rest } = login.oauth2;
  return { kind: "oauth2", ...given(rest) } as MailboxSettings["auth"];
}

export const mailbox = z
  .object({
    id: z.string(),
    host: z.string(),
    port: z.int(),
    security: z.enum(["tls", "starttls", "none"]),
    auth: z.record(z.string(), z.unknown()).describe("Without its secrets."),
    caPem: z.string().optional(),
    allowInvalidCertificate: z.boolean().optional(),
    allowClearTextAuth: z.boolean().optional(),
    folder: z.string(),
    mode: z.enum(["idle", "poll"]),
    pollInterval: z.string(),
    take: z.enum(["unseen", "all"]),
    filters: z.record(z.string(), z.string()).optional(),
    allowedSenders: z.array(z.string()).optional(),
    blockedSenders: z.array(z.string()).optional(),
    acceptsFrom: z.enum(["everyone", "allowedSenders"]).describe("An empty list of allowed senders means everyone."),
    role: z.enum(["answer", "notify", "bounces"]),
    answer: z.record(z.string(), z.unknown()).optional(),
    maxAge: z.string(),
    startAt: z.date(),
    recordsReturnPath: z.boolean(),
    authservIds: z.array(z.string()),
    ownAddresses: z.array(z.string()),
    secrets: z.record(z.string(), z.boolean()).describe("Which secrets are stored."),
    answeringStopped: z.boolean().describe("The kill switch of this mailbox."),
    stoppedBy: z
      .enum(["mailbox", "tenant", "fleet"])
      .nullable()
      .describe("Whose kill switch keeps it from being answered: the widest of those that are set."),
    state: z.string().describe("new, connecting, following, unreachable, quarantined, paused or suspended."),
    reason: z.string().nullable().describe("A stable code."),
    detail: z.string().nullable().describe("The server's own words."),
    stateSince: z.date(),
    following: z.enum(["idle", "poll"]).nullable().describe("How it is followed now."),
    capabilities: z.array(z.string()).nullable(),
    retryAt: z.date().nullable(),
    completeUpTo: z
      .object({ at: z.date(), uidValidity: z.number().nullable(), uid: z.number().nullable() })
      .nullable()
      .describe("Nothing that arrived before is missing."),
    reconciledAt: z.date().nullable(),
    backfill: z
      .object({ since: z.date(), until: z.date(), askedAt: z.date(), endedAt: z.date().nullable() })
      .nullable()
      .describe("The window that was asked for last; `endedAt` is null until it has been looked through."),
    waiting: z.int().describe("Messages that wait for their end."),
    createdAt: z.date(),
    updatedAt: z.date(),
  })
  .meta({ id: "WatchedMailbox" });

export function showMailbox(stored: Mailbox): z.output<typeof mailbox> {
  const { auth: login, pollIntervalMs, maxAgeMs, answer, startAt: _, ...settings } = stored.settings;
  const { kind, ...auth } = login;
  const isListed = (settings.allowedSenders?.length ?? 0) > 0;
  return given({
    id: stored.id,
    ...settings,
    auth: kind === "password" ? auth : { oauth2: auth },
    pollInterval: showDuration(pollIntervalMs),
    maxAge: showDuration(maxAgeMs),
    answer: answer && showAnswer(answer),
    acceptsFrom: isListed ? "allowedSenders" : "everyone",
    startAt: stored.startAt,
    secrets: { ...stored.secretsPresent },
    answeringStopped: stored.answeringStopped,
    stoppedBy: stored.stoppedBy,
    state: stored.state,
    reason: stored.reason,
    detail: stored.detail,
    stateSince: stored.stateSince,
    following: stored.following,
    capabilities: stored.capabilities,
    retryAt: stored.retryAt,
    completeUpTo: stored.completeAt && {
      at: stored.completeAt,
      uidValidity: stored.uidValidity,
      uid: stored.watermark,
    },
    reconciledAt: stored.reconciledAt,
    backfill: stored.backfill,
    waiting: stored.waiting,
    createdAt: stored.createdAt,
    updatedAt: stored.updatedAt,
  }) as unknown as z.output<typeof mailbox>;
}

export const backfillInput = z
  .strictObject({ since: instant, until: instant.optional() })
  .superRefine(({ since, until }, context) => {
    if (until && until <= since)
      context.addIssue({
        code: "custom",
        path: ["until"],
        message: "Must be after since.",
        params: { code: "not_after" },
      });
  });

export const resumeInput = z.strictObject({
  unknown: z.enum(["answer", "skip"]).describe("What becomes of the messages that the mailbox does not know."),
});

export const mailboxVerification = z
  .object({
    ok: z.boolean(),
    code: z.string().optional().describe("What stood in the way."),
    detail: z.string().optional(),
    capabilities: z.array(z.string()).optional(),
    following: z.enum(["idle", "poll"]).optional(),
  })
  .catchall(z.unknown())
  .meta({ id: "MailboxVerification" });

export const tryInput = z
  .strictObject({
    content: z.base64().max(48_000_000).describe("The message, in base64. Or send it as it is, as message/rfc822."),
  })
  .describe("A message that has not arrived.");

export const trial = z
  .object({
    decision: z.string().describe("answer, skip, later, escalate, fail, or unknown: the trial came to no end."),
    reason: z.string().nullable().optional(),
    detail: z.string().nullable().optional(),
    draft: z.record(z.string(), z.unknown()).nullable().optional(),
  })
  .catchall(z.unknown())
  .meta({ id: "Trial" });
