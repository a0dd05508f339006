import type { Envelope, NotAttempted, SendResult } from "@mailfleet/mail";

/** How to reach an account's next hop. Secrets are open here; they are never logged. */
export interface NextHopSettings {
  readonly host: string;
  readonly port: number;
  /** `tls`: TLS from the first byte; `starttls`: upgraded or not used at all; `none`: clear text. */
  readonly security: "tls" | "starttls" | "none";
  readonly auth?:
    | { readonly kind: "password"; readonly user: string; readonly pass: string }
    | { readonly kind: "oauth2"; readonly user: string; readonly accessToken: string };
  /** Credentials may travel over clear text only where the account says so. */
  readonly allowClearTextAuth?: boolean;
  /** LMTP (RFC 2033) instead of SMTP. */
  readonly lmtp?: boolean;
  /** PEM; where the next hop's certificate is not signed by a public authority. */
  readonly caPem?: string;
  /** Accept any certificate (only for a next hop in one's own network). */
  readonly allowInvalidCertificate?: boolean;
  readonly dkim?: readonly DkimKey[];
  /** What we call ourselves in EHLO. */
  readonly ehloName?: string;
}

/** Signs for every message whose From domain is `domain` (RFC 6376). */
export interface DkimKey {
  readonly domain: string;
  readonly selector: string;
  readonly privateKeyPem: string;
}

/** The bytes of a message. Small content is one buffer; large content is read in pieces. */
export type Content =
  | { readonly sizeBytes: number; readonly bytes: Uint8Array }
  | { readonly sizeBytes: number; readonly open: () => AsyncIterable<Uint8Array> };

/**
 * One connection to an account's next hop: a lane's. It offers one message at a time, and opens lazily.
 *
 * Implementations hold no queue, retry nothing and keep no clock; the caller does.
 */
export interface NextHop extends AsyncDisposable {
  /** Opens and authenticates where that has not happened yet; resolves with why not. */
  connect(): Promise<NotAttempted | undefined>;
  /**
   * Offers one message to its recipients, and resolves with how it ended for each, in their order,
   * whatever went wrong on the way. `mayFinish` is asked before the last of the content goes out:
   * where it says no, the connection is destroyed and nobody has the message. After the final dot
   * nothing aborts, since only the reply can tell what happened.
   */
  send(envelope: Envelope, content: Content, mayFinish: () => boolean): Promise<readonly SendResult[]>;
  /** False once the connection cannot carry another message. */
  readonly usable: boolean;
}
