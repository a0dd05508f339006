/** The mail domain, pure: nothing in here does I/O. */
export * from "./envelope.ts";
export * from "./outcome.ts";
export * from "./reply.ts";
export * from "./status.ts";
