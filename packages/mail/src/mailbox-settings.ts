import type { AnswerSettings } from "./answer-settings.ts";

/** How to reach a mailbox and what to do with what arrives in it, as checked by the door it came through. No secrets. */
export interface MailboxSettings {
  readonly host: string;
  readonly port: number;
  readonly security: "tls" | "starttls" | "none";
  /** Its secrets are `pass`, or `clientSecret` and `refreshToken`. */
  readonly auth:
    | { readonly kind: "password"; readonly user: string }
    | {
        readonly kind: "oauth2";
        readonly user: string;
        readonly tokenUrl: string;
        readonly clientId: string;
        readonly grant: "refresh_token" | "client_credentials";
        readonly scope?: string;
      };
  readonly caPem?: string;
  readonly allowInvalidCertificate?: boolean;
  readonly allowClearTextAuth?: boolean;
  readonly folder: string;
  readonly mode: "idle" | "poll";
  readonly pollIntervalMs: number;
  /** `unseen`: what a person has opened before us is theirs. */
  readonly take: "unseen" | "all";
  /** Searched for by the server, as substrings: an optimisation, not a security control. */
  readonly filters?: {
    readonly from?: string;
    readonly to?: string;
    readonly subject?: string;
    readonly body?: string;
  };
  /** Addresses, or `@domain`s. Absent or empty: everyone. */
  readonly allowedSenders?: readonly string[];
  readonly blockedSenders?: readonly string[];
  readonly role: "answer" | "notify" | "bounces";
  /** Present where the role is `answer`. */
  readonly answer?: AnswerSettings;
  /** Older mail (by Date and by when it arrived, whichever is later) is not answered. */
  readonly maxAgeMs: number;
  /** What arrived before is not taken; where it is absent, the moment the mailbox was made or pointed elsewhere. RFC 3339. */
  readonly startAt?: string;
  /** Its server writes Return-Path, so that a missing one means something. */
  readonly recordsReturnPath: boolean;
  /** Whose Authentication-Results (RFC 8601) count. */
  readonly authservIds: readonly string[];
  /** Addresses that are this mailbox, besides the user name and the From of answers. */
  readonly ownAddresses: readonly string[];
}

/** A mailbox's secrets, opened. Never logged, never returned by the API. */
export interface MailboxSecrets {
  readonly pass?: string;
  readonly clientSecret?: string;
  readonly refreshToken?: string;
  readonly webhookSecret?: string;
  /** Signs the call of an escalation; the webhook answerer's does where it is absent. */
  readonly escalateSecret?: string;
  readonly modelKey?: string;
  /** Shown to the model's HTTP tools, which know by it who calls. */
  readonly toolToken?: string;
}
