import type { Readable, Writable } from "node:stream";
import type { Environment } from "@mailfleet/config";

/** Where a command reads from and writes to: the process's own, or a test's. */
export interface Terminal {
  readonly env: Environment;
  readonly stdin: Readable;
  /** Results only, so that they can be piped. */
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  /** Progress, hints and trouble. */
  readonly stderr: Writable & { readonly isTTY?: boolean };
}
