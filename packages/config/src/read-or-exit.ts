import { ConfigError } from "./config-error.ts";

/** What a `main.ts` does first: a bad environment is reported whole, without a stack, and ends the process with status 2. */
export function readConfigOrExit<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    console.error(error.message);
    process.exit(2);
  }
}
