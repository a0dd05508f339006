/** How to come by an access token (RFC 6749): with a refresh token, or with the client's own credentials. */
export interface TokenRequest {
  readonly tokenUrl: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** Without one the client's own credentials are the grant (section 4.4). */
  readonly refreshToken?: string;
  readonly scope?: string;
}

/** Only `refused` says anything about the credentials; the rest is trouble on the way, and passes. */
export type TokenResult =
  | {
      readonly kind: "token";
      readonly accessToken: string;
      readonly expiresInSeconds: number;
      /** Some issuers replace the refresh token each time; the old one is then worth nothing. */
      readonly refreshToken?: string;
    }
  /** The issuer says no (section 5.2), such as `invalid_grant`. */
  | { readonly kind: "refused"; readonly code: string; readonly detail: string }
  /** It could not be asked, did not answer in time, or answered with nothing that can be used. */
  | { readonly kind: "unreachable"; readonly detail: string };

const defaultTimeoutMs = 15_000;
const answerLimitBytes = 65_536;
/** Where the issuer does not say (section 5.1 lets it); providers give an hour. */
const unsaidExpirySeconds = 300;

/** Asks the token endpoint for an access token. Never throws. */
export async function fetchAccessToken(
  { tokenUrl, clientId, clientSecret, refreshToken, scope }: TokenRequest,
  { timeoutMs = defaultTimeoutMs }: { readonly timeoutMs?: number } = {},
): Promise<TokenResult> {
  const form = new URLSearchParams({
    grant_type: refreshToken === undefined ? "client_credentials" : "refresh_token",
    client_id: clientId,
    client_secret: clientSecret,
  });
  if (refreshToken !== undefined) form.set("refresh_token", refreshToken);
  if (scope !== undefined) form.set("scope", scope);
  try {
    const response = await fetch(tokenUrl, {
      method: "POST",
      headers: { accept: "application/json" },
      body: form,
      // A redirect would carry the secret to another host.
      redirect: "error",
      signal: AbortSignal.timeout(timeoutMs),
    });
    return read(response.status, await boundedText(response));
  } catch (error) {
    return { kind: "unreachable", detail: detailOf(error) };
  }
}

function read(status: number, text: string): TokenResult {
  const answer = parsed(text);
  const code = answer?.error;
  // Too many requests and the issuer's own trouble are not a judgement of the credentials.
  if (status === 429 || status >= 500) return { kind: "unreachable", detail: `the issuer answered ${status}` };
  if (status >= 400) {
    if (typeof code !== "string" || code === "temporarily_unavailable") {
      return { kind: "unreachable", detail: `the issuer answered ${status} without a code` };
    }
    const description = answer?.error_description;
    return { kind: "refused", code, detail: typeof description === "string" ? description.slice(0, 500) : code };
  }
  const token = answer?.access_token;
  if (typeof token !== "string" || !/^[\x21-\x7e]+$/.test(token)) {
    return { kind: "unreachable", detail: "the issuer's answer has no access token" };
  }
  const expiresIn = Number(answer?.expires_in);
  const renewed = answer?.refresh_token;
  return {
    kind: "token",
    accessToken: token,
    expiresInSeconds: expiresIn > 0 ? expiresIn : unsaidExpirySeconds,
    ...(typeof renewed === "string" ? { refreshToken: renewed } : {}),
  };
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

async function boundedText(response: Response): Promise<string> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of response.body ?? []) {
    length += piece.length;
    if (length > answerLimitBytes) throw new Error("the issuer's answer is too long");
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString("utf8");
}

function detailOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "TimeoutError") return "the issuer did not answer in time";
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
