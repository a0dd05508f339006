/** What can stop a private server from starting, for callers to tell apart. */
export type EmbeddedErrorCode =
  /** Another process uses the same data folder now. */
  | "folder_in_use"
  /** The port that was asked for belongs to somebody else. */
  | "port_taken"
  /** No server program for this machine. */
  | "program_missing"
  /** The data folder was made by another major version of PostgreSQL. */
  | "version_mismatch"
  /** The server did not start, or did not stop; the message ends with its own last words. */
  | "server_failed";

export class EmbeddedError extends Error {
  readonly code: EmbeddedErrorCode;

  constructor(code: EmbeddedErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "EmbeddedError";
    this.code = code;
  }
}
