import path from "node:path";
import { answerSettings } from "@mailfleet/answer-worker";
import { boardSettings } from "@mailfleet/board";
import { type Environment, fleetSettings, reader, type Secret } from "@mailfleet/config";
import { watchSettings } from "@mailfleet/imap-watch";
import { intakeSettings } from "@mailfleet/intake";
import { dispatchSettings } from "@mailfleet/outbox-dispatch";

/** What `mailfleet up` is told for the fleet and for every app in it. */
export type Plan = ReturnType<typeof readPlan>;

/** Reads an environment whole. Throws one ConfigError with every problem that any app of the fleet would have. */
export function readPlan(env: Environment) {
  const settings = reader(env);
  const fleet = fleetSettings(settings);
  const intake = intakeSettings(settings);
  const plan = settings.check({
    ...fleet,
    ...intake,
    ...dispatchSettings(settings),
    ...watchSettings(settings),
    answering: answerSettings(settings, intake.operator),
    ...boardSettings(settings),
    dataDir: path.resolve(fleet.dataDir),
    demoPort: settings.integer("DEMO_PORT", "Port of the demo inbox page; 0 picks a free one.", {
      min: 0,
      max: 65_535,
      otherwise: 8628,
    }),
    /** Whether it brings its own PostgreSQL, keys and demo. */
    isEmbedded: fleet.databaseUrl === undefined,
  });
  return { ...plan, warnings: settings.warnings() };
}

/** What the environment has named, or `up` has brought instead. */
export interface Servers {
  readonly databaseUrl: Secret;
  readonly redisUrl: Secret;
  readonly adminToken: Secret;
  /** 32 bytes in base64 each. */
  readonly secretKeys: readonly string[];
}
