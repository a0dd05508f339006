import { accessSync, constants } from "node:fs";
import { checkOperatorConfig, noOperatorConfig, type OperatorConfig } from "@mailfleet/answer";
import { type Environment, fleetSettings, type Reader, reader } from "@mailfleet/config";

export type Config = ReturnType<typeof readConfig>;

/** Everything that a process of answer-worker's own can be told. A bad environment is reported whole, at start. */
export function readConfig(env: Environment) {
  const settings = reader(env);
  const fleet = fleetSettings(settings, { needsAdminToken: false });
  const why = "is required: only `mailfleet up` brings servers of its own";
  if (fleet.databaseUrl === undefined) settings.refuse("DATABASE_URL", why);
  if (fleet.redisUrl === undefined) settings.refuse("REDIS_URL", why);
  const { databaseUrl, redisUrl, secretKeys, blobUrl, databasePoolSize, ...config } = settings.check({
    ...fleet,
    ...answerSettings(settings),
    leaseMs: settings.duration(
      "WORKER_LEASE",
      "How long a silent process keeps what it had in hand, before others take over.",
      { min: "1s", max: "5m", otherwise: "10s" },
    ),
  });
  if (!databaseUrl || !redisUrl || !secretKeys) throw new TypeError("the configuration was not checked");
  const store = {
    databaseUrl: databaseUrl.reveal(),
    poolSize: databasePoolSize,
    secretKeys: secretKeys.reveal().map((key) => key.toString("base64")),
    ...(blobUrl && { blobUrl: blobUrl.reveal() }),
  };
  return { ...config, redisUrl, store, warnings: settings.warnings() };
}

/** The settings that only answer-worker has. */
export function answerSettings(settings: Reader) {
  const { integer, duration, flag } = settings;
  return {
    slots: integer("ANSWER_SLOTS", "Messages that one process answers at once.", { min: 1, max: 512, otherwise: 16 }),
    perTenant: integer("ANSWER_PER_TENANT", "Messages of one tenant that the whole fleet answers at once.", {
      min: 1,
      max: 10_000,
      otherwise: 8,
    }),
    slowMs: duration("ANSWER_SLOW", "A message that takes longer is worked on without a slot, and keeps nobody out.", {
      min: "100ms",
      max: "10m",
      otherwise: "3s",
    }),
    sweepMs: duration("ANSWER_SWEEP", "How often the sweep looks for messages that have no errand.", {
      min: "100ms",
      max: "1m",
      otherwise: "1s",
    }),
    lookAfterMs: duration(
      "ANSWER_LOOK_AFTER",
      "A message that has waited for longer is looked at in its mailbox first: a person may have been faster.",
      { min: "1s", max: "1d", otherwise: "1m" },
    ),
    operator: operatorConfig(
      settings,
      flag("ANSWER_PRIVATE_NETWORKS", "Whether tenants' webhooks, models and tools may lie in private networks.", {
        otherwise: false,
      }),
    ),
  };
}

/** Every problem of the operator's file is a problem of the setting, at start. */
function operatorConfig(settings: Reader, privateNetworks: boolean): OperatorConfig {
  const name = "ANSWER_TOOLS";
  const text = settings.optional.text(name, "What models may use, and where tenants may point: JSON; see answering.");
  const given = text === undefined ? noOperatorConfig : parse(text);
  if (given === undefined) {
    settings.refuse(name, "is not JSON");
    return noOperatorConfig;
  }
  const checked = checkOperatorConfig(given);
  if (!checked.ok) {
    for (const { field, detail } of checked.problems) settings.refuse(name, `${field}: ${detail}`);
    return noOperatorConfig;
  }
  for (const { name: tool, program } of checked.config.tools) {
    if (!isExecutable(program)) settings.refuse(name, `${tool}: ${program} is no program that may be run`);
  }
  const { allowPrivateNetworks } = checked.config;
  return { ...checked.config, allowPrivateNetworks: allowPrivateNetworks || privateNetworks };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isExecutable(program: string): boolean {
  try {
    accessSync(program, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
