import { checkOperatorConfig, noOperatorConfig, type OperatorConfig } from "./model/operator-config.ts";

/** What reads an environment, as far as the operator's word on answering goes. */
interface SettingsReader {
  readonly optional: { text(name: string, meaning: string): string | undefined };
  flag(name: string, meaning: string, options: { readonly otherwise: boolean }): boolean;
  refuse(name: string, why: string): void;
}

const name = "ANSWER_TOOLS";

/**
 * What the operator allows tenants' webhooks, models and tools. Every problem is one of the setting's, at start; whether a
 * tool's program is there, only the process that runs it can tell.
 */
export function operatorSettings(settings: SettingsReader): OperatorConfig {
  const privateNetworks = settings.flag(
    "ANSWER_PRIVATE_NETWORKS",
    "Whether tenants' webhooks, models and tools may lie in private networks.",
    { otherwise: false },
  );
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
  const { config } = checked;
  return { ...config, allowPrivateNetworks: config.allowPrivateNetworks || privateNetworks };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
