/** How one logs in at a server of a tenant's, whichever way the mail goes. */
import { z } from "zod";
import { line, secret } from "./primitives.ts";

export const passwordLogin = z.strictObject({ user: line(255).min(1), pass: secret(1_024) });

/** The fields of `{oauth2: {…}}`. */
export const oauth2Fields = {
  user: line(255).min(1),
  tokenUrl: z.url({ protocol: /^https?$/, message: "Not an http or https URL." }).max(2_048),
  clientId: line(512).min(1),
  clientSecret: secret(4_096),
  refreshToken: secret(8_192),
  scope: line(1_024).optional(),
};
