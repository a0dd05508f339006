import { ConfigError, type Problem } from "./config-error.ts";
import type { Duration } from "./duration.ts";
import { durationMs } from "./duration.ts";
import {
  choiceParser,
  durationParser,
  flagParser,
  integerParser,
  keysParser,
  listParser,
  type Parser,
  secretParser,
  textParser,
  urlParser,
} from "./parse.ts";
import type { Secret } from "./secret.ts";
import { type Environment, lookUp } from "./source.ts";
import { nearestName } from "./typo.ts";

const prefix = "MAILFLEET_";

/** One declared setting, as the configuration page shows it. */
export interface Setting {
  /** Its full name, such as "MAILFLEET_API_PORT". */
  readonly name: string;
  readonly meaning: string;
  readonly limits: string;
  /** As one would write it in the environment; absent where there is none. */
  readonly otherwise?: string;
  readonly required: boolean;
}

interface Otherwise<T> {
  /** The value where the environment has none; without it the setting is required. */
  readonly otherwise?: T;
}
type IntegerLimits = { readonly min: number; readonly max: number };
type DurationLimits = { readonly min: Duration; readonly max: Duration };
type UrlLimits = { readonly schemes?: readonly string[] };
type ListLimits = { readonly max?: number };

/** Settings that may be absent, and are undefined then. */
export interface OptionalReader {
  text(name: string, meaning: string): string | undefined;
  secret(name: string, meaning: string, limits?: UrlLimits): Secret | undefined;
  keys(name: string, meaning: string, limits?: ListLimits): Secret<readonly Buffer[]> | undefined;
  integer(name: string, meaning: string, limits: IntegerLimits): number | undefined;
  duration(name: string, meaning: string, limits: DurationLimits): number | undefined;
  url(name: string, meaning: string, limits?: UrlLimits): string | undefined;
}

/**
 * Declares and reads settings in one go. Each name is given without "MAILFLEET_", with its meaning as a sentence.
 *
 * Nothing throws before `check`: a setting that is wrong is remembered, and its value must not be used until then.
 * The functions need no `this`, so they may be taken apart.
 */
export interface Reader {
  text(name: string, meaning: string, options?: Otherwise<string>): string;
  /** With `schemes`, a URL that may hold a password. */
  secret(name: string, meaning: string, limits?: UrlLimits): Secret;
  /** Keys of 32 bytes in base64. */
  keys(name: string, meaning: string, limits?: ListLimits): Secret<readonly Buffer[]>;
  integer(name: string, meaning: string, options: IntegerLimits & Otherwise<number>): number;
  /** In milliseconds, written as "5s". */
  duration(name: string, meaning: string, options: DurationLimits & Otherwise<Duration>): number;
  flag(name: string, meaning: string, options: Otherwise<boolean>): boolean;
  /** Without a slash at its end. */
  url(name: string, meaning: string, options?: UrlLimits & Otherwise<string>): string;
  choice<const T extends string>(name: string, meaning: string, choices: readonly T[], options?: Otherwise<T>): T;
  list(name: string, meaning: string, options?: ListLimits & Otherwise<readonly string[]>): readonly string[];
  readonly optional: OptionalReader;

  /** Adds a problem that only several settings together show. */
  refuse(name: string, problem: string): void;
  /** All settings declared so far, in that order. */
  describe(): readonly Setting[];
  /** A sentence for each MAILFLEET_ variable that neither this process nor `knownElsewhere` (full names) declares. */
  warnings(knownElsewhere?: Iterable<string>): readonly string[];
  /** The values, frozen. Throws one ConfigError that lists every problem. */
  check<T extends object>(values: T): Readonly<T>;
}

/** Reads an environment. A variable that is empty counts as absent; each may come as NAME_FILE instead. */
export function reader(env: Environment): Reader {
  const settings: Setting[] = [];
  const problems: Problem[] = [];

  function read<T>(
    name: string,
    meaning: string,
    { limits, parse, show = String }: Parser<T>,
    otherwise: T | undefined,
    required = otherwise === undefined,
  ): T {
    const fullName = prefix + name;
    if (settings.some((setting) => setting.name === fullName)) throw new TypeError(`${fullName} is declared twice`);
    const shown = otherwise === undefined ? {} : { otherwise: show(otherwise) };
    settings.push({ name: fullName, meaning, limits, ...shown, required });

    const told = lookUp(env, fullName);
    if (told.kind === "nothing") {
      if (required) problems.push({ name: fullName, problem: `is required: ${limits}` });
      return otherwise as T;
    }
    if (told.kind === "unreadable") {
      problems.push({ name: fullName, problem: told.problem });
      return otherwise as T;
    }
    const parsed = parse(told.text);
    if ("value" in parsed) return parsed.value;
    problems.push({ name: fullName, problem: parsed.problem });
    return otherwise as T;
  }

  const maybe = <T>(name: string, meaning: string, parser: Parser<T>): T | undefined =>
    read<T | undefined>(name, meaning, parser as Parser<T | undefined>, undefined, false);

  return {
    text: (name, meaning, options) => read(name, meaning, textParser(), options?.otherwise),
    secret: (name, meaning, limits) => read(name, meaning, secretParser(limits?.schemes), undefined),
    keys: (name, meaning, limits) => read(name, meaning, keysParser({ max: limits?.max ?? 16 }), undefined),
    integer: (name, meaning, options) => read(name, meaning, integerParser(options), options.otherwise),
    duration: (name, meaning, options) => {
      const otherwise = options.otherwise === undefined ? undefined : durationMs(options.otherwise);
      return read(name, meaning, durationParser(options), otherwise);
    },
    flag: (name, meaning, options) => read(name, meaning, flagParser, options.otherwise),
    url: (name, meaning, options) =>
      read(name, meaning, urlParser(options?.schemes ?? ["http", "https"]), options?.otherwise),
    choice: (name, meaning, choices, options) => read(name, meaning, choiceParser(choices), options?.otherwise),
    list: (name, meaning, options) => read(name, meaning, listParser({ max: options?.max ?? 100 }), options?.otherwise),
    optional: {
      text: (name, meaning) => maybe(name, meaning, textParser()),
      secret: (name, meaning, limits) => maybe(name, meaning, secretParser(limits?.schemes)),
      keys: (name, meaning, limits) => maybe(name, meaning, keysParser({ max: limits?.max ?? 16 })),
      integer: (name, meaning, limits) => maybe(name, meaning, integerParser(limits)),
      duration: (name, meaning, limits) => maybe(name, meaning, durationParser(limits)),
      url: (name, meaning, limits) => maybe(name, meaning, urlParser(limits?.schemes ?? ["http", "https"])),
    },

    refuse: (name, problem) => void problems.push({ name: prefix + name, problem }),
    describe: () => settings.slice(),
    warnings: (knownElsewhere = []) => {
      const known = new Set([...settings.map(({ name }) => name), ...knownElsewhere]);
      return Object.keys(env)
        .filter((name) => name.startsWith(prefix) && !known.has(name) && !known.has(name.replace(/_FILE$/, "")))
        .sort()
        .map((name) => {
          const nearest = nearestName(name.replace(/_FILE$/, ""), known);
          return `${name} is not a setting of this process${nearest ? `; is ${nearest} meant?` : ""}`;
        });
    },
    check: (values) => {
      if (problems.length > 0) throw new ConfigError(problems.slice());
      return Object.freeze({ ...values });
    },
  };
}

/** What `declare` reads, without an environment: for the configuration page and its test. */
export function describeSettings(declare: (reader: Reader) => unknown): readonly Setting[] {
  const empty = reader({});
  declare(empty);
  return empty.describe();
}
