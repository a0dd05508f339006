/**
 * Standard Webhooks: who gets our request can tell that it is ours, and that it is fresh.
 * https://www.standardwebhooks.com
 */
import { Webhook } from "standardwebhooks";

export type WebhookSecrets =
  | { readonly ok: true; readonly secrets: readonly string[] }
  | { readonly ok: false; readonly code: "bad_webhook_secret"; readonly detail: string };

const limits = { secrets: 4, bytes: { min: 24, max: 64 } } as const;
const pattern = /^whsec_([A-Za-z0-9+/]+={0,2})$/;

/** Reads one secret, or several with spaces between: while one is being replaced by another, both sign. */
export function parseWebhookSecrets(text: string): WebhookSecrets {
  const secrets = text.split(/\s+/).filter(Boolean);
  if (secrets.length === 0 || secrets.length > limits.secrets || !secrets.every(isSecret)) {
    const { min, max } = limits.bytes;
    const detail = `A secret is "whsec_" and ${min} to ${max} bytes in base64; at most ${limits.secrets}, spaces between.`;
    return { ok: false, code: "bad_webhook_secret", detail };
  }
  return { ok: true, secrets };
}

function isSecret(text: string): boolean {
  const base64 = pattern.exec(text)?.[1] ?? "";
  const bytes = Buffer.from(base64, "base64");
  // Decoders differ in what they make of sloppy base64; a secret must mean the same to both sides.
  return bytes.length >= limits.bytes.min && bytes.length <= limits.bytes.max && bytes.toString("base64") === base64;
}

/** The header fields that sign a body. The id is the same whenever the same question is asked again. */
export function signWebhook(secrets: readonly string[], id: string, at: Date, body: string): Record<string, string> {
  return {
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(at.getTime() / 1_000)),
    "webhook-signature": secrets.map((secret) => new Webhook(secret).sign(id, at, body)).join(" "),
  };
}
