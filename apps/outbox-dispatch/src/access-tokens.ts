import type { NotAttempted } from "@mailfleet/mail";
import type { SendingAccount } from "@mailfleet/store";
import { fetchAccessToken } from "@mailfleet/transport";

/** Access tokens of accounts that log in with OAuth 2.0, kept until shortly before they expire. */
export interface AccessTokens {
  /** Undefined where the account needs none; what stood in the way where there is none to be had. */
  of(account: SendingAccount): Promise<string | NotAttempted | undefined>;
}

/** A token is not used in its last minute: the session that it opens should outlive the login. */
const marginMs = 60_000;
const maxTokens = 10_000;

export function openAccessTokens(now: () => number = () => performance.now()): AccessTokens {
  const known = new Map<string, { readonly accessToken: string; readonly untilMs: number }>();

  return {
    async of({ uid, revision, settings, secrets }) {
      const { auth } = settings;
      if (auth?.kind !== "oauth2") return undefined;
      const key = `${uid}/${revision}`;
      const kept = known.get(key);
      if (kept && kept.untilMs > now()) return kept.accessToken;

      const { tokenUrl, clientId, scope } = auth;
      const result = await fetchAccessToken({
        tokenUrl,
        clientId,
        clientSecret: secrets.clientSecret ?? "",
        ...(secrets.refreshToken !== undefined && { refreshToken: secrets.refreshToken }),
        ...(scope !== undefined && { scope }),
      });
      if (result.kind !== "token") {
        // Only a refusal says anything about the credentials; the rest passes.
        const trouble = result.kind === "refused" ? "authentication" : "unreachable";
        return {
          kind: "not_attempted",
          status: "4.7.0",
          reason: `no access token: ${result.detail}`,
          blocksAccount: true,
          trouble,
        };
      }
      if (known.size >= maxTokens) known.clear();
      known.set(key, { accessToken: result.accessToken, untilMs: now() + result.expiresInSeconds * 1_000 - marginMs });
      return result.accessToken;
    },
  };
}
