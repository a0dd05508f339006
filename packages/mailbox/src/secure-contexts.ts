import { createSecureContext, type SecureContext } from "node:tls";

/** Contexts that are kept; beyond that the oldest is made anew when it is needed. */
const kept = 256;
const contexts = new Map<string, SecureContext>();

/**
 * What connections that trust the same authorities share. Node makes one for each otherwise: 22 to 30 KB of an idle
 * mailbox's memory.
 */
export function secureContextFor(caPem: string | undefined): SecureContext {
  const key = caPem ?? "";
  let context = contexts.get(key);
  if (!context) {
    context = createSecureContext({ ...(caPem === undefined ? {} : { ca: caPem }), minVersion: "TLSv1.2" });
    const oldest = contexts.keys().next();
    if (contexts.size >= kept && !oldest.done) contexts.delete(oldest.value);
    contexts.set(key, context);
  }
  return context;
}
