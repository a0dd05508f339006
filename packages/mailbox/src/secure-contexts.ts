import { createSecureContext, type SecureContext } from "node:tls";

/** Contexts that are kept; beyond that the oldest is made anew when it is needed. */
const kept = 256;
const contexts = new Map<string, SecureContext>();

/**
 * What connections with the same authorities share. Node makes a context of its own for each connection otherwise, which
 * costs an idle mailbox more memory than all the rest of it.
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
