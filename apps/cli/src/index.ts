/** The `mailfleet` command: run, migrate, send, inspect, resend. */
export { runCli } from "./program.ts";
export type { Terminal } from "./terminal.ts";
