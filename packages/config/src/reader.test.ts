import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { ConfigError, describeSettings, type Reader, reader } from "./index.ts";

const folder = mkdtempSync(path.join(tmpdir(), "mailfleet-config-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const fileWith = (name: string, content: string | Buffer): string => {
  const file = path.join(folder, name);
  writeFileSync(file, content);
  return file;
};

/** What one declared setting makes of MAILFLEET_X. */
const read = (declare: (reader: Reader) => unknown, text: string): unknown => {
  const r = reader({ MAILFLEET_X: text });
  return r.check({ x: declare(r) }).x;
};
const problemsOf = (action: () => unknown): readonly string[] => {
  try {
    action();
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(({ name, problem }) => `${name} ${problem}`);
    throw error;
  }
  return [];
};

const kinds: Record<string, (r: Reader) => unknown> = {
  text: (r) => r.text("X", "A text."),
  integer: (r) => r.integer("X", "A number.", { min: 1, max: 256 }),
  duration: (r) => r.duration("X", "A duration.", { min: "1s", max: "1h" }),
  flag: (r) => r.flag("X", "A flag.", {}),
  url: (r) => r.url("X", "A URL."),
  choice: (r) => r.choice("X", "A choice.", ["red", "blue"]),
  list: (r) => r.list("X", "A list.", { max: 3 }),
};

describe("a value that fits is read", () => {
  const cases: readonly [kind: string, text: string, value: unknown][] = [
    ["text", "as it is ", "as it is "],
    ["integer", "1", 1],
    ["integer", "256", 256],
    ["duration", "1500ms", 1_500],
    ["duration", "1h", 3_600_000],
    ["flag", "true", true],
    ["flag", "0", false],
    ["url", "https://mail.example.org/", "https://mail.example.org"],
    ["choice", "blue", "blue"],
    ["list", " a, b ,,c ", ["a", "b", "c"]],
  ];
  test.each(cases)("%s %j", (kind, text, value) => {
    expect(read(kinds[kind]!, text)).toEqual(value);
  });
});

describe("a value that does not fit is a problem", () => {
  const cases: readonly [kind: string, text: string, problem: string][] = [
    ["integer", "0", 'must be a whole number from 1 to 256, not "0"'],
    ["integer", "257", 'must be a whole number from 1 to 256, not "257"'],
    ["integer", "1.5", 'must be a whole number from 1 to 256, not "1.5"'],
    ["integer", "0x10", 'must be a whole number from 1 to 256, not "0x10"'],
    ["integer", " ", 'must be a whole number from 1 to 256, not " "'],
    ["duration", "5", 'must be a duration from 1s to 1h, not "5"'],
    ["duration", "2h", 'must be a duration from 1s to 1h, not "2h"'],
    ["duration", "-5s", 'must be a duration from 1s to 1h, not "-5s"'],
    ["flag", "yes", 'must be true or false, not "yes"'],
    ["url", "ftp://example.org", "must be a URL that begins with http:// or https://"],
    ["url", "https://user:hush@example.org", "must not hold a user or a password"],
    ["choice", "green", 'must be one of red, blue, not "green"'],
    ["list", "a,b,c,d", "must be at most 3 values, separated by commas"],
    ["integer", "9".repeat(1_000), `must be a whole number from 1 to 256, not "${"9".repeat(40)}…"`],
  ];
  test.each(cases)("%s %s", (kind, text, problem) => {
    expect(problemsOf(() => read(kinds[kind]!, text))).toEqual([`MAILFLEET_X ${problem}`]);
  });
});

test("all problems of an environment are reported together, each with the full name of its setting", () => {
  const r = reader({ MAILFLEET_PORT: "x", MAILFLEET_BOTH: "a", MAILFLEET_BOTH_FILE: "/nowhere" });
  const values = {
    port: r.integer("PORT", "A port.", { min: 0, max: 65_535 }),
    both: r.text("BOTH", "Set twice."),
    missing: r.secret("MISSING", "Not set."),
  };
  r.refuse("PORT", "does not go with the rest");

  expect(problemsOf(() => r.check(values))).toEqual([
    'MAILFLEET_PORT must be a whole number from 0 to 65535, not "x"',
    "MAILFLEET_BOTH is set twice: also as MAILFLEET_BOTH_FILE",
    "MAILFLEET_MISSING is required: a secret text",
    "MAILFLEET_PORT does not go with the rest",
  ]);
  expect(() => r.check(values)).toThrow(/^4 settings are wrong:\n {2}MAILFLEET_PORT /);
});

test("a setting may come from a file, without the line end that editors leave", () => {
  const r = reader({ MAILFLEET_TOKEN_FILE: fileWith("token", "hush\n") });
  expect(r.check({ token: r.secret("TOKEN", "A token.") }).token.reveal()).toBe("hush");
});

test.each([
  ["missing", () => path.join(folder, "nowhere"), "cannot be read (ENOENT)"],
  ["empty", () => fileWith("empty", " \n"), "is empty"],
  ["a folder", () => folder, "cannot be read (EISDIR)"],
  ["huge", () => fileWith("huge", Buffer.alloc(1024 * 1024 + 1)), "is larger than 1048576 bytes"],
])("a file that is %s is a problem of its setting", (_, file, what) => {
  const name = file();
  const r = reader({ MAILFLEET_X_FILE: name });
  expect(problemsOf(() => r.check({ x: r.optional.text("X", "A text.") }))).toEqual([
    `MAILFLEET_X is taken from MAILFLEET_X_FILE, but the file ${name} ${what}`,
  ]);
});

test("an empty variable counts as absent", () => {
  const r = reader({ MAILFLEET_X: "", MAILFLEET_Y: "" });
  expect(r.check({ x: r.optional.text("X", "A text."), y: r.text("Y", "A text.", { otherwise: "y" }) })).toEqual({
    x: undefined,
    y: "y",
  });
});

test("a wrong secret is not repeated in its problem", () => {
  const r = reader({ MAILFLEET_URL: "mysql://user:hush@db", MAILFLEET_KEYS: "hushhush" });
  const problems = problemsOf(() =>
    r.check({ url: r.secret("URL", "A URL.", { schemes: ["postgres"] }), keys: r.keys("KEYS", "Keys.") }),
  );
  expect(problems).toHaveLength(2);
  expect(problems.join()).not.toContain("hush");
});

test("keys are 32 bytes each, in their order", () => {
  const [first, second] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
  const r = reader({ MAILFLEET_KEYS: `${first.toString("base64")}, ${second.toString("base64url")}` });
  expect(r.check({ keys: r.keys("KEYS", "Keys.") }).keys.reveal()).toEqual([first, second]);

  const short = reader({ MAILFLEET_KEYS: `${first.toString("base64")},${Buffer.alloc(31).toString("base64")}` });
  expect(problemsOf(() => short.check({ keys: short.keys("KEYS", "Keys.") }))).toEqual([
    "MAILFLEET_KEYS must be 1 to 16 keys of 32 bytes in base64, separated by commas; key 2 is not 32 bytes",
  ]);
});

test("what is read cannot be changed", () => {
  const values = reader({}).check({ x: 1 });
  expect(Object.isFrozen(values)).toBe(true);
});

test("a variable that nobody declares is warned of, with the setting that was probably meant", () => {
  const r = reader({
    MAILFLEET_API_PROT: "1",
    MAILFLEET_ELSEWHERE_FILE: "x",
    MAILFLEET_COLOUR_OF_THE_SHED: "blue",
    MAILFLEET_API_PORT_FILE: fileWith("port", "8"),
    PATH: "/bin",
  });
  r.integer("API_PORT", "A port.", { min: 0, max: 65_535 });
  expect(r.warnings(["MAILFLEET_ELSEWHERE"])).toEqual([
    "MAILFLEET_API_PROT is not a setting of this process; is MAILFLEET_API_PORT meant?",
    "MAILFLEET_COLOUR_OF_THE_SHED is not a setting of this process",
  ]);
});

test("every declared setting describes itself, without an environment", () => {
  const settings = describeSettings((r) => ({
    port: r.integer("PORT", "A port.", { min: 0, max: 9, otherwise: 4 }),
    wait: r.duration("WAIT", "A wait.", { min: "0ms", max: "1d", otherwise: "90s" }),
    token: r.secret("TOKEN", "A token."),
    note: r.optional.text("NOTE", "A note."),
  }));
  expect(settings).toEqual([
    {
      name: "MAILFLEET_PORT",
      meaning: "A port.",
      limits: "a whole number from 0 to 9",
      otherwise: "4",
      required: false,
    },
    {
      name: "MAILFLEET_WAIT",
      meaning: "A wait.",
      limits: "a duration from 0ms to 1d",
      otherwise: "90s",
      required: false,
    },
    { name: "MAILFLEET_TOKEN", meaning: "A token.", limits: "a secret text", required: true },
    { name: "MAILFLEET_NOTE", meaning: "A note.", limits: "a text", required: false },
  ]);
});

test("a setting cannot be declared twice", () => {
  const r = reader({});
  r.optional.text("X", "A text.");
  expect(() => r.optional.text("X", "Another text.")).toThrow("MAILFLEET_X is declared twice");
});
