import type { Login, Trouble } from "@mailfleet/mailbox";
import type { OpenedMailbox, Store } from "@mailfleet/store";
import { fetchAccessToken } from "@mailfleet/transport";

export type Credentials =
  | { readonly kind: "login"; readonly login: Login; readonly isCached: boolean }
  | { readonly kind: "trouble"; readonly trouble: Trouble };

/** A mailbox's way in: its password, or an access token that the fleet refreshes once for all. */
export async function credentialsOf(
  { accessTokens, mailboxes }: Pick<Store, "accessTokens" | "mailboxes">,
  { uid: mailboxUid, settings, secrets }: OpenedMailbox,
  workerId: number,
  signal: AbortSignal,
): Promise<Credentials> {
  const { auth } = settings;
  if (auth.kind === "password") {
    return secrets.pass === undefined
      ? { kind: "trouble", trouble: { kind: "authentication", code: "NO_PASSWORD", detail: "no password is stored" } }
      : { kind: "login", login: { kind: "password", user: auth.user, pass: secrets.pass }, isCached: false };
  }
  const refresh = async () => {
    const fetched = await fetchAccessToken({
      tokenUrl: auth.tokenUrl,
      clientId: auth.clientId,
      clientSecret: secrets.clientSecret ?? "",
      ...(auth.grant === "refresh_token" ? { refreshToken: secrets.refreshToken ?? "" } : {}),
      ...(auth.scope === undefined ? {} : { scope: auth.scope }),
    });
    // Before the token is given to anybody: the old refresh token may be worth nothing by now.
    if (fetched.kind === "token" && fetched.refreshToken !== undefined) {
      await mailboxes.replaceRefreshToken(mailboxUid, secrets.refreshToken, fetched.refreshToken);
    }
    return fetched;
  };
  const given = await accessTokens.obtain({ mailboxUid }, workerId, refresh, signal);
  if (given.kind === "token") {
    const { accessToken, isCached } = given;
    return { kind: "login", login: { kind: "oauth2", user: auth.user, accessToken }, isCached };
  }
  if (given.kind === "too_long") {
    const detail = "another process has been refreshing the access token for too long";
    return { kind: "trouble", trouble: { kind: "unreachable", code: "TOKEN_REFRESH", detail } };
  }
  // A way that is broken says nothing about the credentials.
  return given.kind === "refused"
    ? { kind: "trouble", trouble: { kind: "authentication", code: given.code, detail: given.detail } }
    : { kind: "trouble", trouble: { kind: "unreachable", code: "TOKEN_ENDPOINT", detail: given.detail } };
}
