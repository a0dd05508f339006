/** The SMTP submission listener (RFC 6409). */
export { type SmtpDeps, type SmtpListener, startSmtpListener } from "./listener.ts";
export { type SmtpSettings, smtpSettings } from "./settings.ts";
