/** What a command's exit status tells a script. */
export const exitCodes = { ok: 0, failure: 1, usage: 2 } as const;

/** Trouble that people cause or can mend. It is shown as its message alone, without a stack. */
export class CliError extends Error {
  override readonly name = "CliError";
  readonly exitCode: number;

  constructor(message: string, options: ErrorOptions & { readonly exitCode?: number } = {}) {
    super(message, options);
    this.exitCode = options.exitCode ?? exitCodes.failure;
  }
}

/** The command line itself is wrong. */
export const usageError = (message: string): CliError => new CliError(message, { exitCode: exitCodes.usage });
