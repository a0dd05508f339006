import { operatorSettings } from "@mailfleet/answer";
import { type Environment, fleetSettings, type Reader, reader } from "@mailfleet/config";
import { httpSettings } from "./http/settings.ts";
import { smtpSettings } from "./smtp/index.ts";

export type Config = ReturnType<typeof readConfig>;

/** The settings that are intake's own, whichever process it runs in. */
export const intakeSettings = (settings: Reader) => ({
  ...httpSettings(settings),
  ...smtpSettings(settings),
  /** What it lets tenants store about answering; the same as the answer workers are told. */
  operator: operatorSettings(settings),
});

/** Everything that a process of intake's own can be told. A bad environment is reported whole, at start. */
export function readConfig(env: Environment) {
  const settings = reader(env);
  const fleet = fleetSettings(settings);
  if (fleet.databaseUrl === undefined) {
    settings.refuse("DATABASE_URL", "is required: only `mailfleet up` brings a PostgreSQL of its own");
  }
  const config = settings.check({ ...fleet, ...intakeSettings(settings) });
  return { ...config, warnings: settings.warnings() };
}
