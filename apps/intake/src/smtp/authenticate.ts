import { type Refusal, reply, type Submitter } from "@mailfleet/delivery";
import { isId } from "@mailfleet/mail";
import type { Clock } from "@mailfleet/service";
import type { ApiKeys } from "@mailfleet/store";
import type { Telemetry } from "@mailfleet/telemetry";
import type { AuthGuard } from "./auth-guard.ts";

export interface AuthenticateDeps {
  readonly apiKeys: Pick<ApiKeys, "authenticate">;
  readonly guard: AuthGuard;
  readonly clock: Clock;
  readonly telemetry: Pick<Telemetry, "authAttempt" | "log">;
  /** Ends the wait before a failure is answered. */
  readonly stopping: AbortSignal;
}

export type Authentication =
  | { readonly kind: "authenticated"; readonly submitter: Submitter }
  | { readonly kind: "refused"; readonly reply: Refusal };

const invalid = reply(535, "5.7.8", "Authentication credentials invalid");
const away = reply(454, "4.7.0", "Cannot check credentials right now, try again later");
const lockedOut = reply(454, "4.7.0", "Too many failed attempts, try again later");

/**
 * AUTH (RFC 4954): the user is `tenant` or `tenant/account`, the password a key of that tenant with scope `submit`.
 * What is wrong is not told, and a wrong tenant takes as long as a wrong key.
 */
export async function authenticate(
  { apiKeys, guard, clock, telemetry, stopping }: AuthenticateDeps,
  {
    user,
    password,
    remoteAddress,
  }: { readonly user: string; readonly password: string; readonly remoteAddress: string },
): Promise<Authentication> {
  if (guard.isLockedOut(user, remoteAddress)) {
    telemetry.authAttempt({ via: "smtp", result: "locked_out", remoteAddress });
    return { kind: "refused", reply: lockedOut };
  }
  let submitter: Submitter | undefined;
  try {
    submitter = await identify(apiKeys, user, password);
  } catch (error) {
    telemetry.log.error({ err: error }, "credentials cannot be checked");
    return { kind: "refused", reply: away };
  }
  if (!submitter) {
    telemetry.authAttempt({ via: "smtp", result: "failure", remoteAddress });
    await clock.sleep(guard.failed(user, remoteAddress), stopping);
    return { kind: "refused", reply: invalid };
  }
  guard.succeeded(user, remoteAddress);
  telemetry.authAttempt({ via: "smtp", result: "success", tenantId: submitter.tenantId, remoteAddress });
  return { kind: "authenticated", submitter };
}

async function identify(
  apiKeys: Pick<ApiKeys, "authenticate">,
  user: string,
  password: string,
): Promise<Submitter | undefined> {
  const slash = user.indexOf("/");
  const tenantId = slash < 0 ? user : user.slice(0, slash);
  const account = slash < 0 ? undefined : user.slice(slash + 1);
  const identity = await apiKeys.authenticate(password);
  if (identity?.tenantId !== tenantId || !identity.scopes.includes("submit")) return undefined;
  if (account === undefined) return { tenantId };
  return isId(account) ? { tenantId, account } : undefined;
}
