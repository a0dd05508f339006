import { randomBytes } from "node:crypto";
import type { Store } from "@mailfleet/store";
import { dataFiles, keepSecret } from "../data-folder.ts";

/** The tenant, its account and the label of its key alike. */
export const demoName = "demo";

/** Retries come soon, so that whoever asks for them need not wait. */
const retry = { baseMs: 2_000, factor: 2, maxMs: 60_000 };

/**
 * Makes the demo tenant, its account and its key where they are missing, and resolves with the key. An account that
 * was pointed elsewhere stays as it is.
 */
export async function ensureDemoTenant(
  store: Pick<Store, "tenants" | "accounts" | "apiKeys">,
  {
    dataDir,
    nextHop,
  }: { readonly dataDir: string; readonly nextHop: { readonly host: string; readonly port: number } },
): Promise<string> {
  if (!(await store.tenants.get(demoName))) await store.tenants.put(demoName, {});

  const account = await store.accounts.get(demoName, demoName);
  const isOurs = account?.settings.host === nextHop.host && account.settings.security === "none";
  if (!account || (isOurs && account.settings.port !== nextHop.port)) {
    await store.accounts.put(demoName, demoName, { ...nextHop, security: "none", retry });
  }

  const key = await keepSecret(dataDir, dataFiles.demoKey, () => `mf_demo_${randomBytes(32).toString("base64url")}`);
  if ((await store.apiKeys.authenticate(key))?.tenantId !== demoName) {
    const made = await store.apiKeys.create(demoName, { key, scopes: ["submit", "read", "manage"], label: demoName });
    if (made.kind !== "created") throw new Error(`the demo key could not be made: ${made.kind}`);
  }
  return key;
}
