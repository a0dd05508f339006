import { z } from "zod";
import { id, instant, line, list, senderPattern } from "./primitives.ts";

/** `PUT /v1/tenants/{id}`: an empty body makes a tenant with defaults. */
export const tenantInput = z
  .strictObject({
    allowedSenders: list(senderPattern, 1_000)
      .optional()
      .describe("Who may stand in the reverse-path and in From; anyone where it is absent."),
    modelTokensPerDay: z
      .int()
      .min(0)
      .max(1_000_000_000_000)
      .optional()
      .describe("What its models may use in a day (UTC), over all mailboxes."),
    modelCostPerDay: z
      .number()
      .min(0)
      .max(1_000_000_000)
      .optional()
      .describe("Likewise, in the currency of the models' prices."),
  })
  .optional()
  .default({});

export const tenant = z
  .object({
    id,
    state: z.enum(["active", "suspended"]),
    allowedSenders: z.array(z.string()).optional(),
    modelTokensPerDay: z.number().optional(),
    modelCostPerDay: z.number().optional(),
    suspendedBatches: z.array(z.string()),
    createdAt: z.date(),
    updatedAt: z.date(),
  })
  .meta({ id: "Tenant" });

/** `POST …/suspend` and `/activate`: the whole tenant, or one batch. */
export const suspension = z.strictObject({ batch: id.optional() }).optional().default({});

export const scope = z.enum(["submit", "read", "manage"]);

export const keyInput = z
  .strictObject({
    scopes: list(scope, 3)
      .refine((scopes) => scopes.length > 0, { message: "At least one scope.", params: { code: "too_few" } })
      .transform((scopes) => [...new Set(scopes)])
      .optional()
      .describe("All of them where it is absent."),
    label: line(200).optional(),
    expiresAt: instant.optional(),
  })
  .optional()
  .default({});

export const key = z
  .object({
    id: z.string(),
    scopes: z.array(scope),
    label: z.string().nullable(),
    createdAt: z.date(),
    expiresAt: z.date().nullable(),
  })
  .meta({ id: "Key" });

export const newKey = key
  .extend({ key: z.string().describe("The key itself. It is shown this once.") })
  .meta({ id: "NewKey" });
