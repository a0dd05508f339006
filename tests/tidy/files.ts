import { linesMatching, type Rule } from "./rule.ts";
import { isTest, type SourceFile } from "./sources.ts";

const isTypeScript = ({ path }: SourceFile) => path.endsWith(".ts");
const isScript = ({ path }: SourceFile) => /\.(ts|mjs)$/.test(path);
const isConfig = (path: string) => /(^|\/)[a-z-]+\.config\.ts$/.test(path);

const linesAtMost = 400;

export const filesAreShort: Rule = {
  name: `a file has at most ${linesAtMost} lines`,
  why: "A file holds one idea; beyond that size look for the second one.",
  applies: isScript,
  complaints: ({ text }) => {
    const lines = text.split("\n").length - 1;
    return lines > linesAtMost ? [`has ${lines} lines`] : [];
  },
  broken: { path: "packages/mail/src/everything.ts", text: "\n".repeat(linesAtMost + 1) },
};

const drawers = /(^|\/)(utils?|helpers?|common|shared|misc|types)(\.ts|\.mjs|\/|$)/;

export const noDrawers: Rule = {
  name: "no file or folder is a drawer",
  why: "A name that says nothing collects everything; name a file for the noun that it is about.",
  applies: () => true,
  complaints: ({ path }) => (drawers.test(path) ? ["is named like a drawer"] : []),
  broken: { path: "packages/mail/src/utils.ts", text: "" },
};

export const namesAreKebabCase: Rule = {
  name: "source files are named in kebab-case",
  why: "A newcomer finds the right file by guessing, so names are spelled in one way.",
  applies: ({ path }) => /^(apps|packages|tests|bench|scripts|bin)\//.test(path) && isScript({ path, text: "" }),
  complaints: ({ path }) =>
    /^(\d{4}-)?[a-z0-9]+(-[a-z0-9]+)*(\.(soak|browser|peers|helm))?(\.(test|config|d))?\.(ts|mjs)$/.test(
      path.split("/").at(-1) ?? "",
    )
      ? []
      : ["is not named in kebab-case"],
  broken: { path: "packages/mail/src/SmtpReply.ts", text: "" },
};

export const nothingIsLeftOpen: Rule = {
  name: "nothing is marked as still to be done",
  why: "Unfinished work belongs in an issue, where somebody can see and take it.",
  applies: (file) => file.path !== "tests/tidy/files.ts",
  complaints: (file) => linesMatching(file, /\b(TODO|FIXME|XXX|HACK)\b/, "marks unfinished work"),
  broken: { path: "packages/mail/src/dsn.ts", text: "// TODO: the other half" },
};

export const exportsHaveNames: Rule = {
  name: "exports have names",
  why: "A thing is called the same wherever it is used, so that one search finds it; only tools' configurations differ.",
  applies: (file) => isScript(file) && !isConfig(file.path),
  complaints: (file) => linesMatching(file, /^export default\b|^export \{.*\bas default\b/, "exports a default"),
  broken: { path: "packages/mail/src/reply.ts", text: "export default function parse() {}" },
};

export const environmentIsReadOnce: Rule = {
  name: "process.env is read in main.ts and scripts only",
  why: "Configuration is read, checked and reported whole at start; a setting read elsewhere is one that nobody knows of.",
  applies: (file) =>
    isTypeScript(file) &&
    /^(apps|packages)\//.test(file.path) &&
    !/(^|\/)main\.ts$/.test(file.path) &&
    !isTest(file.path),
  complaints: (file) => linesMatching(file, /\bprocess\.env\b/, "reads process.env"),
  broken: { path: "packages/store/src/pool.ts", text: "const url = process.env.DATABASE_URL;" },
};

/** A wait of a tenth of a second or more; shorter ones lie between two looks at a condition that has a deadline. */
const sleep = /\b(await (pause|delay|sleep|wait|setTimeout)\(|setTimeout\(\w+, )\d[\d_]{2,}/;

export const testsDoNotSleep: Rule = {
  name: "no test sleeps",
  why: "A sleep is too short on a busy machine and too long on every other: await a signal, or inject the clock.",
  applies: ({ path }) => path.endsWith(".test.ts"),
  complaints: (file) => linesMatching(file, sleep, "sleeps"),
  broken: { path: "apps/intake/src/api.test.ts", text: "await new Promise((resolve) => setTimeout(resolve, 500));" },
};

export const namesTellWhatIsNeeded: Rule = {
  name: "a test that talks to Postfix or Dovecot is named *peers.test.ts, and one that drives a browser *.browser.test.ts",
  why: "Only root can run these peers: where they are absent, the name is what the test command leaves out, and says so.",
  applies: ({ path }) => path.endsWith(".test.ts") && !path.startsWith("tests/tidy"),
  complaints: (file) => [
    ...(/(^|[/.-])peers\.test\.ts$/.test(file.path)
      ? []
      : linesMatching(file, /\b(privatePostfix|privateDovecot|startSmtpSink|runSmtpSource)\(/, "starts a peer")),
    ...(/\.browser\.test\.ts$/.test(file.path) ? [] : linesMatching(file, /"playwright-core"/, "drives a browser")),
  ],
  broken: { path: "packages/transport/src/smtp.test.ts", text: "await using postfix = await privatePostfix();" },
};

export const nothingIsSkippedForGood: Rule = {
  name: "no test is switched off, and none runs alone",
  why: "A check that cannot fail protects nothing, and a lone one silences the rest; a condition says when it applies.",
  applies: ({ path }) => path.endsWith(".test.ts"),
  complaints: (file) => linesMatching(file, /\b(test|it|describe)\.(skip|only|todo)\(/, "switches tests off"),
  broken: { path: "apps/intake/src/api.test.ts", text: 'test.skip("accepted means durable", () => {});' },
};
