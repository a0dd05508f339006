import type { NotAttempted } from "@mailfleet/mail";
import type { SendingAccount, Store } from "@mailfleet/store";
import { fetchAccessToken } from "@mailfleet/transport";

/**
 * The access token of an account that logs in with OAuth 2.0: the fleet asks its issuer once for all. Undefined where the
 * account needs none; what stood in the way where there is none to be had.
 */
export async function accessTokenOf(
  { accessTokens, accounts }: Pick<Store, "accessTokens" | "accounts">,
  { uid: accountUid, settings: { auth } }: SendingAccount,
  workerId: number,
): Promise<string | NotAttempted | undefined> {
  if (auth?.kind !== "oauth2") return undefined;
  const refresh = async () => {
    // What a lane was given may be older than the refresh token that the issuer gave last.
    const secrets = (await accounts.openForSending(accountUid))?.secrets ?? {};
    const fetched = await fetchAccessToken({
      tokenUrl: auth.tokenUrl,
      clientId: auth.clientId,
      clientSecret: secrets.clientSecret ?? "",
      ...(secrets.refreshToken !== undefined && { refreshToken: secrets.refreshToken }),
      ...(auth.scope !== undefined && { scope: auth.scope }),
    });
    // Before the token is given to anybody: the old refresh token may be worth nothing by now.
    if (fetched.kind === "token" && fetched.refreshToken !== undefined) {
      await accounts.replaceRefreshToken(accountUid, secrets.refreshToken, fetched.refreshToken);
    }
    return fetched;
  };
  const given = await accessTokens.obtain({ accountUid }, workerId, refresh);
  if (given.kind === "token") return given.accessToken;
  const detail = given.kind === "too_long" ? "another process has been asking for too long" : given.detail;
  return {
    kind: "not_attempted",
    status: "4.7.0",
    reason: `no access token: ${detail}`,
    blocksAccount: true,
    // Only a refusal says anything about the credentials; the rest passes.
    trouble: given.kind === "refused" ? "authentication" : "unreachable",
  };
}
