import { type Duration, durationMs, formatDuration, parseDuration } from "./duration.ts";
import { Secret } from "./secret.ts";

/** A value, or what is wrong with its text as the end of a sentence that begins with the setting's name. */
export type Parsed<T> = { readonly value: T } | { readonly problem: string };

/** Reads one kind of value from a setting's text, and says in words what it takes. */
export interface Parser<T> {
  /** What is allowed, such as "a whole number from 1 to 256". */
  readonly limits: string;
  readonly parse: (text: string) => Parsed<T>;
  /** How a default is written in the documentation; by default as it prints. */
  readonly show?: (value: T) => string;
}

/** At most this much of a wrong value is repeated in a problem. */
const maxShownLength = 40;

const quoted = (text: string): string =>
  JSON.stringify(text.length > maxShownLength ? `${text.slice(0, maxShownLength)}…` : text);

const not = (limits: string, text: string): { problem: string } => ({
  problem: `must be ${limits}, not ${quoted(text)}`,
});

export const textParser = (limits = "a text"): Parser<string> => ({ limits, parse: (text) => ({ value: text }) });

export function integerParser({ min, max }: { readonly min: number; readonly max: number }): Parser<number> {
  const limits = `a whole number from ${min} to ${max}`;
  return {
    limits,
    parse: (text) => {
      const value = Number(text);
      return /^-?\d{1,16}$/.test(text) && value >= min && value <= max ? { value } : not(limits, text);
    },
  };
}

export function durationParser({ min, max }: { readonly min: Duration; readonly max: Duration }): Parser<number> {
  const limits = `a duration from ${min} to ${max}`;
  const [minMs, maxMs] = [durationMs(min), durationMs(max)];
  return {
    limits,
    parse: (text) => {
      const ms = parseDuration(text);
      return ms !== undefined && ms >= minMs && ms <= maxMs ? { value: ms } : not(limits, text);
    },
    show: formatDuration,
  };
}

export const flagParser: Parser<boolean> = {
  limits: "true or false",
  parse: (text) =>
    text === "true" || text === "1"
      ? { value: true }
      : text === "false" || text === "0"
        ? { value: false }
        : not("true or false", text),
};

export function choiceParser<const T extends string>(choices: readonly T[]): Parser<T> {
  const limits = `one of ${choices.join(", ")}`;
  return {
    limits,
    parse: (text) => {
      const value = choices.find((choice) => choice === text);
      return value === undefined ? not(limits, text) : { value };
    },
  };
}

/** A URL that may be shown: it has no room for a user or a password. */
export function urlParser(schemes: readonly string[]): Parser<string> {
  const limits = `a URL that begins with ${schemes.map((scheme) => `${scheme}://`).join(" or ")}`;
  return {
    limits,
    parse: (text) => {
      const url = URL.parse(text);
      if (url === null || !schemes.includes(url.protocol.slice(0, -1))) return { problem: `must be ${limits}` };
      if (url.username || url.password) return { problem: "must not hold a user or a password" };
      return { value: text.replace(/\/+$/, "") };
    },
  };
}

/** A secret text; where it is a URL, its scheme is checked. The text itself is in no problem. */
export function secretParser(schemes?: readonly string[]): Parser<Secret> {
  const limits = schemes
    ? `a secret URL that begins with ${schemes.map((scheme) => `${scheme}://`).join(" or ")}`
    : "a secret text";
  return {
    limits,
    parse: (text) =>
      schemes && !schemes.some((scheme) => text.startsWith(`${scheme}://`))
        ? { problem: `must be ${limits}` }
        : { value: new Secret(text) },
  };
}

export function listParser({ max }: { readonly max: number }): Parser<readonly string[]> {
  const limits = `at most ${max} values, separated by commas`;
  return {
    limits,
    parse: (text) => {
      const values = splitList(text);
      return values.length <= max ? { value: Object.freeze(values) } : { problem: `must be ${limits}` };
    },
    show: (values) => values.join(","),
  };
}

/** Keys for AES-256-GCM: 32 bytes each, in base64, separated by commas. The first seals, all open. */
export function keysParser({ max }: { readonly max: number }): Parser<Secret<readonly Buffer[]>> {
  const limits = `1 to ${max} keys of 32 bytes in base64, separated by commas`;
  return {
    limits,
    parse: (text) => {
      const items = splitList(text);
      if (items.length === 0 || items.length > max) return { problem: `must be ${limits}` };
      const keys = items.map((item) => Buffer.from(item, "base64"));
      const wrong = keys.findIndex((key, index) => key.length !== 32 || !/^[A-Za-z0-9+/_-]{43}=?$/.test(items[index]!));
      if (wrong >= 0) return { problem: `must be ${limits}; key ${wrong + 1} is not 32 bytes` };
      return { value: new Secret(Object.freeze(keys)) };
    },
  };
}

const splitList = (text: string): string[] =>
  text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
