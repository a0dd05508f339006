import { isIP } from "node:net";
import { hostname } from "node:os";
import type { Reader } from "@mailfleet/config";

export type SmtpSettings = ReturnType<typeof smtpSettings>;

/** The settings of the submission listener. */
export function smtpSettings({ text, integer, list, optional, refuse }: Reader) {
  const settings = {
    smtpHost: text("SMTP_HOST", "Address that SMTP submission listens on.", { otherwise: "127.0.0.1" }),
    smtpPort: integer("SMTP_PORT", "Port of SMTP submission; 0 picks a free one.", {
      min: 0,
      max: 65_535,
      otherwise: 2587,
    }),
    smtpName: text("SMTP_NAME", "What the listener calls itself in its greeting and in trace fields.", {
      otherwise: hostname(),
    }),
    smtpTlsCert: optional.text(
      "SMTP_TLS_CERT",
      "Certificate chain (a PEM file) for STARTTLS, read again when it changes. Absent: no TLS, and AUTH on loopback only.",
    ),
    smtpTlsKey: optional.text("SMTP_TLS_KEY", "Private key (a PEM file) of the certificate."),
    smtpProxies: list("SMTP_PROXIES", "Addresses of load balancers that send a PROXY header (version 1).", {
      otherwise: [],
      max: 100,
    }),
    smtpMaxClients: integer("SMTP_MAX_CLIENTS", "SMTP sessions at once in one process.", {
      min: 1,
      max: 20_000,
      otherwise: 1_000,
    }),
    smtpMaxMessageBytes: integer("SMTP_MAX_MESSAGE_BYTES", "Octets of one message.", {
      min: 65_536,
      max: 134_217_728,
      otherwise: 33_554_432,
    }),
  };
  if ((settings.smtpTlsCert === undefined) !== (settings.smtpTlsKey === undefined)) {
    const [missing, given] =
      settings.smtpTlsCert === undefined ? ["SMTP_TLS_CERT", "SMTP_TLS_KEY"] : ["SMTP_TLS_KEY", "SMTP_TLS_CERT"];
    refuse(missing, `is required when MAILFLEET_${given} is set`);
  }
  const noAddress = settings.smtpProxies.find((proxy) => isIP(proxy) === 0);
  // A wildcard would let everybody say where they come from.
  if (noAddress !== undefined) refuse("SMTP_PROXIES", `must be IP addresses, and "${noAddress}" is none`);
  return settings;
}
