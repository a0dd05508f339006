/** Takes turns: sends an account's due deliveries over one connection, and records what happened. */
export { dispatchSettings } from "./config.ts";
export { type DispatchDeps, startDispatch } from "./dispatch.ts";
