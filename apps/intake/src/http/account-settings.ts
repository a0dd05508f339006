/** A stored account as the transport wants it. */
import type { SendingAccount } from "@mailfleet/store";
import { fetchAccessToken, type NextHopSettings } from "@mailfleet/transport";

export type SendingSettings =
  /** Where the issuer has replaced the refresh token, the old one is worth nothing: store the new one. */
  | { readonly kind: "usable"; readonly settings: NextHopSettings; readonly refreshToken?: string }
  | { readonly kind: "unusable"; readonly detail: string };

export async function sendingSettings({ settings, secrets }: SendingAccount): Promise<SendingSettings> {
  const { host, port, security, allowClearTextAuth, lmtp, caPem, allowInvalidCertificate, ehloName } = settings;
  const auth = await authOf({ settings, secrets });
  if (auth?.kind === "unusable") return auth;
  return {
    kind: "usable",
    ...(auth?.refreshToken !== undefined && { refreshToken: auth.refreshToken }),
    settings: {
      host,
      port,
      security,
      ...(auth && { auth: auth.auth }),
      ...(allowClearTextAuth !== undefined && { allowClearTextAuth }),
      ...(lmtp !== undefined && { lmtp }),
      ...(caPem !== undefined && { caPem }),
      ...(allowInvalidCertificate !== undefined && { allowInvalidCertificate }),
      ...(ehloName !== undefined && { ehloName }),
    },
  };
}

type Login =
  | { readonly kind: "login"; readonly auth: NonNullable<NextHopSettings["auth"]>; readonly refreshToken?: string }
  | { readonly kind: "unusable"; readonly detail: string };

async function authOf({
  settings: { auth },
  secrets,
}: Pick<SendingAccount, "settings" | "secrets">): Promise<Login | undefined> {
  if (!auth) return undefined;
  if (auth.kind === "password") {
    if (secrets.pass === undefined) return { kind: "unusable", detail: "No password is stored." };
    return { kind: "login", auth: { kind: "password", user: auth.user, pass: secrets.pass } };
  }
  const { user, tokenUrl, clientId, scope } = auth;
  const token = await fetchAccessToken({
    tokenUrl,
    clientId,
    clientSecret: secrets.clientSecret ?? "",
    ...(secrets.refreshToken !== undefined && { refreshToken: secrets.refreshToken }),
    ...(scope !== undefined && { scope }),
  });
  if (token.kind !== "token") return { kind: "unusable", detail: `No access token: ${token.detail}` };
  return {
    kind: "login",
    auth: { kind: "oauth2", user, accessToken: token.accessToken },
    ...(token.refreshToken !== undefined && { refreshToken: token.refreshToken }),
  };
}
