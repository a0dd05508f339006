import type { Login, Trouble } from "@mailfleet/mailbox";
import type { OpenedMailbox, Store } from "@mailfleet/store";
import { fetchAccessToken } from "@mailfleet/transport";

export type Credentials =
  | { readonly kind: "login"; readonly login: Login; readonly isCached: boolean }
  | { readonly kind: "trouble"; readonly trouble: Trouble };

/** How long the token of another process's refresh is waited for. */
const waitLimitMs = 30_000;

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
  const withToken = (accessToken: string, isCached: boolean): Credentials => ({
    kind: "login",
    login: { kind: "oauth2", user: auth.user, accessToken },
    isCached,
  });
  for (const until = performance.now() + waitLimitMs; ; ) {
    const claim = await accessTokens.claim({ mailboxUid, workerId });
    if (claim.kind === "token") return withToken(claim.accessToken, true);
    if (claim.kind === "refresh") break;
    if (signal.aborted || performance.now() > until) {
      const detail = "another process has been refreshing the access token for too long";
      return { kind: "trouble", trouble: { kind: "unreachable", code: "TOKEN_REFRESH", detail } };
    }
    await new Promise((resolve) => setTimeout(resolve, Math.min(Math.max(claim.ms, 50), 250)));
  }
  const given = await fetchAccessToken({
    tokenUrl: auth.tokenUrl,
    clientId: auth.clientId,
    clientSecret: secrets.clientSecret ?? "",
    ...(auth.grant === "refresh_token" ? { refreshToken: secrets.refreshToken ?? "" } : {}),
    ...(auth.scope === undefined ? {} : { scope: auth.scope }),
  });
  if (given.kind === "token") {
    const { accessToken, expiresInSeconds, refreshToken } = given;
    // First the refresh token: the old one may be worth nothing by now.
    if (refreshToken !== undefined && refreshToken !== secrets.refreshToken) {
      await mailboxes.replaceRefreshToken(mailboxUid, secrets.refreshToken, refreshToken);
    }
    await accessTokens.store({ mailboxUid, workerId }, { accessToken, expiresInSeconds });
    return withToken(accessToken, false);
  }
  await accessTokens.forget(mailboxUid);
  // A way that is broken says nothing about the credentials.
  return given.kind === "refused"
    ? { kind: "trouble", trouble: { kind: "authentication", code: given.code, detail: given.detail } }
    : { kind: "trouble", trouble: { kind: "unreachable", code: "TOKEN_ENDPOINT", detail: given.detail } };
}
