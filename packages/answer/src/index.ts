/** Answerers: what answers a message, from a template, the tenant's webhook, or a language model. */
export * from "./answerer.ts";
