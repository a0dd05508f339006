/** The house's style, as far as a program can tell: every rule with its reason, and proof that it can fail. */
import { existsSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { complaintsAbout, isBelow, readLockfile, versionsOf } from "../scripts/checks.mjs";
import {
  environmentIsReadOnce,
  exportsHaveNames,
  filesAreShort,
  namesAreKebabCase,
  namesTellWhatIsNeeded,
  noDrawers,
  nothingIsLeftOpen,
  nothingIsSkippedForGood,
  testsDoNotSleep,
} from "./tidy/files.ts";
import {
  appsAreLeaves,
  declaresWhatItImports,
  importRings,
  mailIsPure,
  oneDoorPerLibrary,
  packagesAreClosed,
} from "./tidy/imports.ts";
import { brokenLinks } from "./tidy/links.ts";
import { judge } from "./tidy/rule.ts";
import { importsOf, readSources } from "./tidy/sources.ts";

const root = path.resolve(import.meta.dirname, "..");
const files = await readSources();

const rules = [
  appsAreLeaves,
  packagesAreClosed,
  mailIsPure,
  oneDoorPerLibrary,
  declaresWhatItImports(files),
  filesAreShort,
  noDrawers,
  namesAreKebabCase,
  namesTellWhatIsNeeded,
  nothingIsLeftOpen,
  exportsHaveNames,
  environmentIsReadOnce,
  testsDoNotSleep,
  nothingIsSkippedForGood,
];

describe.for(rules)("$name", (rule) => {
  test("holds everywhere", () => {
    expect(judge(rule, files), rule.why).toEqual([]);
  });

  test("fails for a file that breaks it", () => {
    expect(judge(rule, [rule.broken])).not.toEqual([]);
  });
});

describe("packages do not import one another in a ring", () => {
  const why = "In a ring nothing can be understood, built or tested without all the rest.";

  test("holds everywhere", () => {
    expect(importRings(files), why).toEqual([]);
  });

  test("fails for a ring", () => {
    const ring = importRings([
      { path: "packages/store/src/a.ts", text: 'import { b } from "@mailfleet/queue";' },
      { path: "packages/queue/src/b.ts", text: 'export { a } from "@mailfleet/store";' },
    ]);
    expect(ring).toContain("store → queue → store");
  });
});

describe("every link of the documents leads somewhere", () => {
  const why = "A reader who follows a dead link stops reading.";

  test("holds everywhere", () => {
    expect(
      brokenLinks(files, (file) => existsSync(path.join(root, file))),
      why,
    ).toEqual([]);
  });

  test("fails for a missing file and for a missing heading", () => {
    const page = { path: "docs/a.md", text: "# Here\n[x](gone.md) [y](#there) [z](#here) [w](https://example.org/x)" };
    expect(brokenLinks([page], () => false)).toEqual([
      "docs/a.md: gone.md leads nowhere",
      "docs/a.md: #there leads nowhere",
    ]);
  });
});

describe("the dependencies keep above their floors", () => {
  const lockfile = (...packages: string[]) =>
    `lockfileVersion: '9.0'\n\npackages:\n\n${packages.map((name) => `  ${name}:\n    engines: {}\n`).join("\n")}\nsnapshots:\n`;

  test("holds for our lockfile", async () => {
    expect(versionsOf(await readLockfile(), "nodemailer")).toHaveLength(1);
    expect(complaintsAbout(await readLockfile())).toEqual([]);
  });

  test("fails below a floor, for a second nodemailer, and for a registry's name", () => {
    expect(complaintsAbout(lockfile("smtp-server@3.18.0"))).toHaveLength(1);
    expect(complaintsAbout(lockfile("nodemailer@10.6.0", "nodemailer@10.5.0"))).toHaveLength(1);
    expect(complaintsAbout(`${lockfile()}  tarball: https://registry.example/a.tgz\n`)).toHaveLength(1);
  });

  test("versions are compared by number, not by letter", () => {
    expect(isBelow("3.9.15", "3.9.4")).toBe(false);
    expect(isBelow("9.0.5", "10.4.1")).toBe(true);
  });
});

test("imports of every kind are seen", () => {
  const text =
    'import a, {\n  b,\n} from "one";\nimport "two";\nexport * from "three";\nawait import("four");\nimport type { c } from "five";';
  expect(importsOf({ path: "a.ts", text }).toSorted()).toEqual(["five", "four", "one", "three", "two"]);
});
