import type { RetryPolicy } from "@mailfleet/mail";
import { isLoginElsewhere } from "./secret-destination.ts";

/** Mail per span of time; a span that is absent is not limited. */
export interface RateLimits {
  readonly perMinute?: number;
  readonly perHour?: number;
  readonly perDay?: number;
}

/** How to reach an account's next hop and how to treat it, as validated by the door it came through. No secrets. */
export interface AccountSettings {
  readonly host: string;
  readonly port: number;
  readonly security: "tls" | "starttls" | "none";
  /** The secrets that go with it are in `AccountSecrets`. */
  readonly auth?:
    | { readonly kind: "password"; readonly user: string }
    | {
        readonly kind: "oauth2";
        readonly user: string;
        readonly tokenUrl: string;
        readonly clientId: string;
        readonly scope?: string;
      };
  /** 1 to 1,000; 5 where it is absent. */
  readonly maxConnections?: number;
  readonly limits?: RateLimits & {
    /** By recipient domain, normalised; `*` is every domain that has no entry of its own. */
    readonly perDomain?: Readonly<Record<string, RateLimits>>;
    /** What happens to mail above the limit: it waits (the default), or is refused when submitted. */
    readonly behavior?: "defer" | "reject";
  };
  /** What differs from the default policy. */
  readonly retry?: Partial<RetryPolicy>;
  /** Which reverse-path the next hop is told. */
  readonly bounces?: {
    readonly mode: "asGiven" | "fixed" | "verp";
    /** The address of `fixed`. */
    readonly address?: string;
    /** The domain of `verp`. */
    readonly domain?: string;
  };
  /** Stands in for the null reverse-path where the next hop refuses that. */
  readonly nullReversePath?: string;
  /** Signs mail whose From domain is `domain` (RFC 6376); the private keys are secrets. */
  readonly dkim?: readonly { readonly domain: string; readonly selector: string }[];
  /** LMTP (RFC 2033) instead of SMTP. */
  readonly lmtp?: boolean;
  readonly allowClearTextAuth?: boolean;
  readonly caPem?: string;
  readonly allowInvalidCertificate?: boolean;
  readonly ehloName?: string;
  /** Addresses or `@domain`s that may stand in reverse-path and From; any where it is absent. */
  readonly allowedSenders?: readonly string[];
}

/** An account's secrets, opened. Never logged, never returned by the API. */
export interface AccountSecrets {
  readonly pass?: string;
  readonly clientSecret?: string;
  readonly refreshToken?: string;
  /** Private keys (PEM) by `dkimName`. */
  readonly dkim?: Readonly<Record<string, string>>;
}

/** What a PUT says about secrets: absent keeps the one that is stored, null clears it. */
export interface SecretChanges {
  readonly pass?: string | null;
  readonly clientSecret?: string | null;
  readonly refreshToken?: string | null;
  readonly dkim?: Readonly<Record<string, string | null>>;
}

/** Which secrets are stored. */
export interface SecretsPresent {
  readonly pass: boolean;
  readonly clientSecret: boolean;
  readonly refreshToken: boolean;
  /** The `dkimName`s with a private key. */
  readonly dkim: readonly string[];
}

/** The name of a DKIM key, which is also where its public half lies in the DNS. */
export function dkimName({ domain, selector }: { readonly domain: string; readonly selector: string }): string {
  return `${selector}._domainkey.${domain}`;
}

/** Applies changes to what is stored, and drops what the settings have no use for any more. */
export function changeSecrets(
  stored: AccountSecrets,
  changes: SecretChanges,
  { auth, dkim = [] }: AccountSettings,
): AccountSecrets {
  const pick = (name: "pass" | "clientSecret" | "refreshToken", wanted: boolean) => {
    const value = changes[name] === undefined ? stored[name] : changes[name];
    return wanted && typeof value === "string" ? { [name]: value } : {};
  };
  const keys = dkim.map(dkimName).flatMap((name) => {
    const change = changes.dkim?.[name];
    const pem = change === undefined ? stored.dkim?.[name] : change;
    return typeof pem === "string" ? [[name, pem] as const] : [];
  });
  return {
    ...pick("pass", auth?.kind === "password"),
    ...pick("clientSecret", auth?.kind === "oauth2"),
    ...pick("refreshToken", auth?.kind === "oauth2"),
    ...(keys.length > 0 && { dkim: Object.fromEntries(keys) }),
  };
}

export type LoginSecretName = (typeof loginSecrets)[number];
const loginSecrets = ["pass", "clientSecret", "refreshToken"] as const;

/** The stored secrets that would be kept, and sent to another place than before. Signing keys go nowhere. */
export function secretsToGiveAnew(
  stored: AccountSecrets,
  changes: SecretChanges,
  before: AccountSettings,
  after: AccountSettings,
): readonly LoginSecretName[] {
  if (!isLoginElsewhere(before, after)) return [];
  const kept = changeSecrets(stored, changes, after);
  return loginSecrets.filter((name) => changes[name] === undefined && kept[name] !== undefined);
}

export function secretsPresent(secrets: AccountSecrets): SecretsPresent {
  return {
    pass: secrets.pass !== undefined,
    clientSecret: secrets.clientSecret !== undefined,
    refreshToken: secrets.refreshToken !== undefined,
    dkim: Object.keys(secrets.dkim ?? {}),
  };
}
