import { z } from "zod";
import { deliveryState } from "./message.ts";
import { line } from "./primitives.ts";

export const suppressionInput = z
  .strictObject({
    reason: z
      .string()
      .regex(/^[a-z][a-z_]{0,63}$/, "Small letters and _, at most 64.")
      .optional()
      .describe('Such as "manual", "complaint" or "unsubscribe"; "manual" where it is absent.'),
    note: line(1_000).optional(),
  })
  .optional()
  .default({});

export const suppression = z
  .object({ address: z.string(), reason: z.string(), note: z.string().nullable(), createdAt: z.date() })
  .meta({ id: "Suppression" });

export const stats = z
  .object({
    deliveries: z.record(deliveryState, z.number()),
    attempts: z.record(z.enum(["success", "transient_error", "permanent_error", "in_doubt"]), z.number()),
    oldestDueSeconds: z.number().nullable(),
    inbound: z
      .record(z.enum(["pending", "answering", "awaiting_approval"]), z.number())
      .describe("What came in and waits for its end."),
    inboundOldestDueSeconds: z.number().nullable(),
    mailboxes: z.record(z.string(), z.number()).describe("By state."),
    accounts: z.array(
      z.object({
        id: z.string(),
        tenantId: z.string(),
        blockedUntil: z.date().nullable(),
        reason: z.string().nullable(),
        lanesInUse: z.number(),
      }),
    ),
  })
  .meta({ id: "Stats" });

export const loggedCommand = z
  .object({
    id: z.number(),
    at: z.date(),
    actor: z.string(),
    tenantId: z.string().nullable(),
    command: z.string(),
    target: z.string().nullable(),
    detail: z.record(z.string(), z.unknown()),
  })
  .meta({ id: "Command" });

export const verification = z
  .object({
    ok: z.boolean(),
    steps: z.array(z.object({ step: z.string(), ok: z.boolean(), detail: z.string() })),
    extensions: z.array(z.string()),
    sizeLimitBytes: z.number().optional(),
    acceptsNullReversePath: z.boolean().optional(),
    acceptsForeignSender: z.boolean().optional(),
  })
  .meta({ id: "Verification" });

export const health = z
  .object({ status: z.enum(["ok", "failing", "draining"]), checks: z.record(z.string(), z.string()) })
  .meta({ id: "Health" });
