/** The mail domain, pure: nothing in here does I/O. */
export * from "./address.ts";
export * from "./backoff.ts";
export * from "./decide.ts";
export * from "./durations.ts";
export * from "./ending.ts";
export * from "./envelope.ts";
export * from "./ids.ts";
export * from "./mailbox.ts";
export * from "./outcome.ts";
export * from "./reply.ts";
export * from "./retry.ts";
export * from "./states.ts";
export * from "./status.ts";
