import { dkimName, type SendingAccount } from "@mailfleet/store";
import type { NextHopSettings } from "@mailfleet/transport";

/** An account as the transport is told it, secrets open. */
export function settingsFor(
  { settings, secrets }: SendingAccount,
  ehloName: string,
  accessToken?: string,
): NextHopSettings {
  const { host, port, security, auth, dkim = [], lmtp, allowClearTextAuth, caPem, allowInvalidCertificate } = settings;
  const keys = dkim.flatMap((key) => {
    const privateKeyPem = secrets.dkim?.[dkimName(key)];
    return privateKeyPem === undefined ? [] : [{ ...key, privateKeyPem }];
  });
  return {
    host,
    port,
    security,
    ehloName: settings.ehloName ?? ehloName,
    ...(auth?.kind === "password" && { auth: { kind: "password", user: auth.user, pass: secrets.pass ?? "" } }),
    ...(auth?.kind === "oauth2" && { auth: { kind: "oauth2", user: auth.user, accessToken: accessToken ?? "" } }),
    ...(keys.length > 0 && { dkim: keys }),
    ...(lmtp !== undefined && { lmtp }),
    ...(allowClearTextAuth !== undefined && { allowClearTextAuth }),
    ...(caPem !== undefined && { caPem }),
    ...(allowInvalidCertificate !== undefined && { allowInvalidCertificate }),
  };
}
