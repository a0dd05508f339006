/** How one logs in at a server of a tenant's, whichever way the mail goes. */
import { X509Certificate } from "node:crypto";
import { z } from "zod";
import { issue, line, secret } from "./primitives.ts";

export const passwordLogin = z.strictObject({ user: line(255).min(1), pass: secret(1_024) });

const certificate = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** Certificates of authorities, in PEM. TLS would take anything, and then trust nobody. */
export const caPem = z
  .string()
  .max(65_536, { abort: true })
  .superRefine((text, context) => {
    const found = text.match(certificate) ?? [];
    const isWrong = found.some((pem) => !isCertificate(pem)) || text.replace(certificate, "").includes("-----");
    if (found.length === 0 || isWrong) issue(context, "bad_value", "Certificates in PEM, and nothing else in PEM.");
  });

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}

/** The fields of `{oauth2: {…}}`. */
export const oauth2Fields = {
  user: line(255).min(1),
  tokenUrl: z.url({ protocol: /^https?$/, message: "Not an http or https URL." }).max(2_048),
  clientId: line(512).min(1),
  clientSecret: secret(4_096),
  refreshToken: secret(8_192),
  scope: line(1_024).optional(),
};
