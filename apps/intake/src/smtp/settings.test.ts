import { ConfigError, reader } from "@mailfleet/config";
import { expect, test } from "vitest";
import { smtpSettings } from "./settings.ts";

const read = (env: Record<string, string>) => {
  const settings = reader(env);
  return settings.check(smtpSettings(settings));
};

test("without an environment, submission listens on loopback, without TLS", () => {
  expect(read({})).toMatchObject({ smtpHost: "127.0.0.1", smtpPort: 2587, smtpTlsCert: undefined, smtpProxies: [] });
});

test.each([
  [{ MAILFLEET_SMTP_TLS_CERT: "cert.pem" }, "MAILFLEET_SMTP_TLS_KEY"],
  [{ MAILFLEET_SMTP_TLS_KEY: "key.pem" }, "MAILFLEET_SMTP_TLS_CERT"],
  [{ MAILFLEET_SMTP_PROXIES: "192.0.2.1,*" }, "MAILFLEET_SMTP_PROXIES"],
  [{ MAILFLEET_SMTP_PORT: "70000" }, "MAILFLEET_SMTP_PORT"],
  [{ MAILFLEET_SMTP_MAX_MESSAGE_BYTES: "1" }, "MAILFLEET_SMTP_MAX_MESSAGE_BYTES"],
])("%j is a problem of %s", (env, name) => {
  expect(() => read(env)).toThrow(ConfigError);
  expect(() => read(env)).toThrow(name);
});
