/** What is wrong with one setting, as a sentence that begins with its full name. */
export interface Problem {
  readonly name: string;
  readonly problem: string;
}

/** A bad environment, whole: the message has one line for each setting that is wrong. No secret is in it. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    const count = problems.length === 1 ? "1 setting is" : `${problems.length} settings are`;
    super(`${count} wrong:\n${problems.map(({ name, problem }) => `  ${name} ${problem}`).join("\n")}`);
    this.problems = problems;
  }
}
