import type { MailboxSecrets, MailboxSettings, ModelSettings } from "@mailfleet/mail";
import type { Sealed, SecretKeys } from "./seal.ts";
import { isLoginElsewhere } from "./secret-destination.ts";

/** What a PUT says about secrets: absent keeps the one that is stored, null clears it. */
export type MailboxSecretChanges = { readonly [K in keyof MailboxSecrets]?: string | null };

/** Which secrets are stored. */
export type MailboxSecretsPresent = { readonly [K in keyof Required<MailboxSecrets>]: boolean };

const names = [
  "pass",
  "clientSecret",
  "refreshToken",
  "webhookSecret",
  "escalateSecret",
  "modelKey",
  "toolToken",
] as const;

export type MailboxSecretName = (typeof names)[number];

interface Owner {
  readonly tenantId: string;
  readonly id: string;
}

const contextOf = ({ tenantId, id }: Owner) => `mailbox ${tenantId}/${id}`;

/** Undefined where there is nothing to seal. */
export function sealMailboxSecrets(keys: SecretKeys, owner: Owner, secrets: MailboxSecrets): Sealed | undefined {
  return Object.keys(secrets).length === 0 ? undefined : keys.seal(JSON.stringify(secrets), contextOf(owner));
}

/** Throws SealError. */
export function readMailboxSecrets(
  keys: SecretKeys,
  owner: Owner,
  bytes: Uint8Array | null,
  keyId: string | null,
): MailboxSecrets {
  if (!bytes || !keyId) return {};
  return JSON.parse(keys.open({ bytes, keyId }, contextOf(owner)).toString("utf8"));
}

/** Seals anew what another key has sealed; see `resealSecrets`. */
export function resealMailbox(keys: SecretKeys, owner: Owner, sealed: Sealed): Sealed {
  return keys.seal(keys.open(sealed, contextOf(owner)), contextOf(owner));
}

/** Applies changes to what is stored, and drops what the settings have no use for any more. */
export function changeMailboxSecrets(
  stored: MailboxSecrets,
  changes: MailboxSecretChanges,
  { auth, answer }: MailboxSettings,
): MailboxSecrets {
  const wanted: Record<MailboxSecretName, boolean> = {
    pass: auth.kind === "password",
    clientSecret: auth.kind === "oauth2",
    refreshToken: auth.kind === "oauth2",
    webhookSecret: answer?.answerer.kind === "webhook",
    escalateSecret: answer?.escalate?.url !== undefined,
    modelKey: answer?.answerer.kind === "model",
    toolToken: answer?.answerer.kind === "model" && answer.answerer.httpTools.length > 0,
  };
  const kept = names.flatMap((name) => {
    const value = changes[name] === undefined ? stored[name] : changes[name];
    return wanted[name] && typeof value === "string" ? [[name, value] as const] : [];
  });
  return Object.fromEntries(kept);
}

/**
 * The stored secrets that would be kept, and sent to another place than before. Those of webhooks and escalations go
 * nowhere: what they sign does.
 */
export function mailboxSecretsToGiveAnew(
  stored: MailboxSecrets,
  changes: MailboxSecretChanges,
  before: MailboxSettings,
  after: MailboxSettings,
): readonly MailboxSecretName[] {
  const login = isLoginElsewhere(before, after);
  const isElsewhere: Record<MailboxSecretName, boolean> = {
    pass: login,
    clientSecret: login,
    refreshToken: login,
    webhookSecret: false,
    escalateSecret: false,
    modelKey: modelOf(before)?.url !== modelOf(after)?.url,
    toolToken: !toolOriginsOf(after).isSubsetOf(toolOriginsOf(before)),
  };
  const kept = changeMailboxSecrets(stored, changes, after);
  return names.filter((name) => isElsewhere[name] && changes[name] === undefined && kept[name] !== undefined);
}

const modelOf = ({ answer }: MailboxSettings): ModelSettings | undefined =>
  answer?.answerer.kind === "model" ? answer.answerer : undefined;

const toolOriginsOf = (settings: MailboxSettings): ReadonlySet<string> =>
  new Set(modelOf(settings)?.httpTools.map(({ url }) => new URL(url).origin));

export const mailboxSecretsPresent = (secrets: MailboxSecrets): MailboxSecretsPresent =>
  Object.fromEntries(names.map((name) => [name, secrets[name] !== undefined])) as MailboxSecretsPresent;
