/** Where in a request the secrets stand that are stored apart from the settings. */
import type { FieldError, ProblemError } from "./problems.ts";
import { invalidRequest } from "./validation.ts";

export const secretFields = {
  pass: "/auth/pass",
  clientSecret: "/auth/oauth2/clientSecret",
  refreshToken: "/auth/oauth2/refreshToken",
  webhookSecret: "/answer/webhook/secret",
  escalateSecret: "/answer/escalate/secret",
  modelKey: "/answer/model/key",
  toolToken: "/answer/model/toolToken",
} as const;

/** Secrets that were left out, and are stored for another destination. */
export function secretsRequired(names: readonly (keyof typeof secretFields)[]): ProblemError {
  const detail = "The one that is stored was given for another destination.";
  return invalidRequest(
    names.map((name): FieldError => ({ path: secretFields[name], code: "secret_required", detail })),
  );
}
