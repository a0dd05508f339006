import { lookup as lookupHost, Resolver } from "node:dns/promises";
import { isIP } from "node:net";
import type { EndingCause } from "@mailfleet/mail";

export type LookedUp =
  | { readonly ok: true; readonly addresses: readonly { readonly address: string; readonly family: 4 | 6 }[] }
  | { readonly ok: false; readonly cause: EndingCause };

/**
 * Finds a host's addresses, IPv4 first.
 *
 * The name servers are asked first, and the system (hosts file, search domains) only for what they do not know: the
 * system's lookups share four threads, so that one tenant's dead name server would hold up every other's mail.
 */
export async function lookup(host: string, limitMs: number, stopping?: AbortSignal): Promise<LookedUp> {
  const family = isIP(host);
  if (family !== 0) return { ok: true, addresses: [{ address: host, family: family === 4 ? 4 : 6 }] };

  const resolver = new Resolver({ timeout: Math.ceil(limitMs / 3), tries: 2 });
  const expiry = Promise.withResolvers<LookedUp>();
  const giveUp = (cause: EndingCause) => {
    resolver.cancel();
    expiry.resolve({ ok: false, cause });
  };
  const timer = setTimeout(() => giveUp({ kind: "timeout" }), limitMs);
  const onStop = () => giveUp({ kind: "withdrawn", why: "stopping" });
  stopping?.addEventListener("abort", onStop);
  try {
    return await Promise.race([ask(resolver, host), expiry.promise]);
  } finally {
    clearTimeout(timer);
    stopping?.removeEventListener("abort", onStop);
  }
}

async function ask(resolver: Resolver, host: string): Promise<LookedUp> {
  // A name without a dot is for the system to complete.
  if (!host.includes(".")) return askSystem(host);
  const [v4, v6] = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)]);
  const addresses = [
    ...(v4.status === "fulfilled" ? v4.value.map((address) => ({ address, family: 4 as const })) : []),
    ...(v6.status === "fulfilled" ? v6.value.map((address) => ({ address, family: 6 as const })) : []),
  ];
  if (addresses.length > 0) return { ok: true, addresses };
  const reasons = [v4, v6].flatMap((answer) => (answer.status === "rejected" ? [codeOf(answer.reason)] : []));
  const nobodyKnows = reasons.every((code) => code === "ENOTFOUND" || code === "ENODATA" || code === "ECONNREFUSED");
  return nobodyKnows ? askSystem(host) : failed(reasons[0] ?? "ENODATA");
}

async function askSystem(host: string): Promise<LookedUp> {
  try {
    const found = await lookupHost(host, { all: true, order: "ipv4first" });
    return { ok: true, addresses: found.map(({ address, family }) => ({ address, family: family === 6 ? 6 : 4 })) };
  } catch (error) {
    return failed(codeOf(error));
  }
}

const failed = (code: string): LookedUp => ({
  ok: false,
  cause: {
    kind: "dns",
    failure: code === "ENOTFOUND" || code === "ENODATA" ? "not_found" : "unavailable",
    detail: code,
  },
});

const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "unknown";
