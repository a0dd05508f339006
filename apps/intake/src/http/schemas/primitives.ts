/** The forms that fields share. Limits stand here, so that no text, list or number comes in without one. */
import { formatDuration, parseAddress, parseDomain, parseDuration } from "@mailfleet/mail";
import { z } from "zod";

/** Adds an issue with a code of ours, in a transform. */
export function issue(context: z.core.ParsePayload, code: string, message: string): never {
  context.issues.push({ code: "custom", input: context.value, message, params: { code } });
  return z.NEVER;
}

/** `[A-Za-z0-9._~-]{1,128}`: safe in a URL, a header and a log. */
export const id = z
  .string()
  .max(128, { abort: true })
  .regex(/^[A-Za-z0-9._~-]+$/, "An id has letters, digits, and . _ ~ - only.")
  .describe("Letters, digits and `. _ ~ -`, at most 128.");

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for.
const noControl = /^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*$/;

/** One line of text. */
export const line = (max: number) =>
  z
    .string()
    .max(max, { abort: true })
    .superRefine((text, context) => {
      if (!noControl.test(text) || !text.isWellFormed()) {
        issue(context, "control_character", "The text has a control character, or is not well-formed.");
      }
    });

/** A list whose length is looked at before its entries are. */
export const list = <T extends z.ZodType>(item: T, max: number) =>
  z.preprocess(
    (value, context) => {
      if (Array.isArray(value) && value.length > max) {
        return issue(context as never, "too_many", `At most ${max} entries.`);
      }
      return value;
    },
    z.array(item).meta({ maxItems: max }),
  );

/** RFC 3339, with any offset; read into a Date. */
export const instant = z.iso
  .datetime({ offset: true, message: "A time looks like 2030-01-31T12:00:00Z (RFC 3339)." })
  .transform((text) => new Date(text))
  .describe("RFC 3339.");

/** A duration such as "5s", read into milliseconds. */
export const duration = z
  .string()
  .max(64, { abort: true })
  .transform((text, context) => {
    const parsed = parseDuration(text);
    return parsed.ok
      ? parsed.ms
      : issue(context, parsed.code === "bad_duration" ? "bad_duration" : "duration_too_long", parsed.detail);
  })
  .describe('A duration such as "5s", "10m", "1h30m" or "2d".');

export const showDuration = (ms: number): string => formatDuration(ms);

/** A bare address, normalised. */
export const address = z
  .string()
  .max(1_024, { abort: true })
  .transform((text, context) => {
    const parsed = parseAddress(text);
    return parsed.ok ? parsed.address.address : issue(context, parsed.code, parsed.detail);
  })
  .describe("An address (RFC 5321, RFC 6531).");

/** A domain, normalised. */
export const domain = z
  .string()
  .max(255, { abort: true })
  .transform((text, context) => {
    const parsed = parseDomain(text);
    return parsed.ok ? parsed.domain : issue(context, parsed.code, parsed.detail);
  })
  .describe("A domain.");

/** Whom a tenant or an account may send as: an address, or "@domain" for all of its addresses. */
export const senderPattern = z
  .string()
  .max(1_024, { abort: true })
  .transform((text, context) => {
    const parsed = text.startsWith("@") ? parseDomain(text.slice(1)) : parseAddress(text);
    if (!parsed.ok) return issue(context, parsed.code, parsed.detail);
    return "address" in parsed ? parsed.address.address : `@${parsed.domain}`;
  })
  .describe('An address, or "@example.org" for all addresses of a domain.');

/** Kept where it is absent, cleared by null, never shown. */
export const secret = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .nullable()
    .optional()
    .describe("A secret: kept where it is absent, cleared by null, never shown.");

export const hostName = z
  .string()
  .max(255, { abort: true })
  .transform((text, context) => {
    const parsed = parseDomain(/^[0-9.]+$|:/.test(text) ? `[${text.includes(":") ? "IPv6:" : ""}${text}]` : text);
    if (!parsed.ok) return issue(context, "bad_format", "Not a host name or an IP address.");
    return text.includes(":") ? text : parsed.ascii.replace(/^\[|\]$/g, "");
  })
  .describe("A host name or an IP address.");

/** Part of the contract, and of a later version. */
export const unsupported = (what: string) =>
  z
    .unknown()
    .superRefine((value, context) => {
      if (value !== undefined) issue(context, "unsupported_field", `${what} is not supported by this version.`);
    })
    .describe("Not supported by this version.");
