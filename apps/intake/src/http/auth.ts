/**
 * Who asks, and what they may do. A key is compared by its digest; a wrong one is answered alike whatever is wrong
 * with it, and never says whether a tenant exists.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import type { Identity, Scope } from "@mailfleet/store";
import type { Telemetry } from "@mailfleet/telemetry";
import { ProblemError } from "./problems.ts";

/** What a route asks of a key. */
export type Access = "public" | "admin" | Scope;

export type Principal =
  | { readonly kind: "admin"; readonly actor: string }
  | { readonly kind: "tenant"; readonly actor: string; readonly identity: Identity };

export const authLimits = {
  /** Failures of one address in a window that cost it nothing. */
  free: 5,
  /** Failures of one address in a window, beyond which only keys that were good before are looked at. */
  failures: 200,
  windowMs: 60_000,
  /** Each further failure is answered later than the one before, up to this. */
  maxDelayMs: 800,
  /** Addresses and good keys that are remembered. */
  addresses: 10_000,
  goodKeys: 10_000,
  headerLength: 512,
} as const;

export interface AuthGuard {
  /** Resolves with who sent the Authorization header. Rejects with a ProblemError. */
  authenticate(authorization: string | undefined, remoteAddress: string): Promise<Principal>;
}

export interface AuthParts {
  readonly adminToken: string;
  readonly authenticate: (key: string) => Promise<Identity | undefined>;
  readonly telemetry: Pick<Telemetry, "authAttempt">;
  readonly nowMs?: () => number;
}

export function openAuthGuard({
  adminToken,
  authenticate,
  telemetry,
  nowMs = () => performance.now(),
}: AuthParts): AuthGuard {
  const admin = digestOf(adminToken);
  const failures = new Map<string, { count: number; sinceMs: number }>();
  /** Digests of keys that were good: they pass even where their address is locked out, as it may be shared. */
  const good = new Set<string>();

  const failuresOf = (address: string) => {
    const known = failures.get(address);
    if (!known || nowMs() - known.sinceMs > authLimits.windowMs) return 0;
    return known.count;
  };
  const failed = async (address: string, retry: boolean): Promise<never> => {
    const count = failuresOf(address) + 1;
    const sinceMs = count === 1 ? nowMs() : (failures.get(address)?.sinceMs ?? nowMs());
    failures.delete(address); // So that the oldest comes first.
    failures.set(address, { count, sinceMs });
    if (failures.size > authLimits.addresses) failures.delete(failures.keys().next().value as string);
    telemetry.authAttempt({ via: "http", result: retry ? "failure" : "locked_out", remoteAddress: address });
    if (!retry) {
      throw new ProblemError("too_many_failures", undefined, {
        retryAfterSeconds: Math.ceil(authLimits.windowMs / 1_000),
        closes: true,
      });
    }
    const delayMs = Math.min(Math.max(0, count - authLimits.free) * 20, authLimits.maxDelayMs);
    if (delayMs > 0) await wait(delayMs);
    throw new ProblemError("unauthorized", "Send Authorization: Bearer and a valid key.", { closes: true });
  };

  return {
    async authenticate(authorization, remoteAddress) {
      const address = networkOf(remoteAddress);
      const key = bearerOf(authorization);
      if (key === undefined) return failed(address, true);
      const digest = digestOf(key);
      if (timingSafeEqual(digest, admin)) {
        telemetry.authAttempt({ via: "http", result: "success", remoteAddress });
        return { kind: "admin", actor: "admin" };
      }
      const hex = digest.toString("hex");
      if (!good.has(hex) && failuresOf(address) >= authLimits.failures) return failed(address, false);
      const identity = await authenticate(key);
      if (!identity) {
        good.delete(hex);
        return failed(address, true);
      }
      if (good.size < authLimits.goodKeys) good.add(hex);
      telemetry.authAttempt({ via: "http", result: "success", tenantId: identity.tenantId, remoteAddress });
      return { kind: "tenant", actor: `key:${identity.keyId}`, identity };
    },
  };
}

function bearerOf(authorization: string | undefined): string | undefined {
  if (authorization === undefined || authorization.length > authLimits.headerLength) return undefined;
  return /^bearer +([\x21-\x7e]+) *$/i.exec(authorization)?.[1];
}

const digestOf = (text: string): Buffer => createHash("sha256").update(text).digest();

/** An IPv6 host owns its whole /64. */
function networkOf(address: string): string {
  if (!address.includes(":") || address.startsWith("::ffff:")) return address;
  return address.split(":").slice(0, 4).join(":");
}
