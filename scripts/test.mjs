/**
 * `npm test`: gets everything the tests need, then runs the types, the linter, the dependency check and the tests.
 * `--soak` runs the long tests instead; other arguments choose tests, as with Vitest.
 *
 * Its last line is `N passed, N failed`; types, linter and dependencies count as one each.
 */
import { spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { complaintsAbout, readLockfile } from "./checks.mjs";
import { getHelm } from "./helm.mjs";
import { getPeers } from "./peers.mjs";
import { root } from "./places.mjs";
import { run } from "./programs.mjs";
import { note, step } from "./progress.mjs";
import { fail, prepare } from "./toolchain.mjs";

const checkLimitMs = 300_000;

const soak = process.argv.includes("--soak");
const chosen = process.argv.slice(2).filter((word) => word !== "--soak" && word !== "--");

const toolchain = await prepare().catch(fail);
const absent = await absentPeers();

const counts = { passed: 0, failed: 0, skipped: 0 };
if (chosen.length === 0) {
  await check("Types (tsc)", () => runFromModules("tsc", ["--noEmit", "--pretty", "false"]));
  await check("Format and lint (biome)", () => runFromModules("biome", ["check", "."]));
  await check("Dependencies (floors, one nodemailer, no registry's name)", async () => {
    const complaints = complaintsAbout(await readLockfile());
    if (complaints.length > 0) throw new Error(complaints.join("\n"));
  });
}
await runTests();

if (counts.skipped > 0) note(`${counts.skipped} tests were skipped`);
for (const { name, why } of absent) note(`SKIPPED: every file *${suffixOf(name)}, as it needs ${name}: ${why}`);
process.stdout.write(`${counts.passed} passed, ${counts.failed} failed\n`);
process.exit(counts.failed > 0 ? 1 : 0);

/** Peers that tests must do without, and why. What such a test needs is in its file's name. */
async function absentPeers() {
  const wanted = ["openssl"];
  const absent = [];
  if (await someTestIsNamed("browser.test.ts")) wanted.push("chromium");
  if (process.getuid?.() === 0) wanted.push("postfix", "dovecot");
  else absent.push({ name: "Postfix and Dovecot", why: "they change to users of their own, which only root may" });
  const noHelm = await getHelm(toolchain);
  if (noHelm) absent.push({ name: "Helm", why: noHelm });
  return [...absent, ...(await getPeers(wanted, toolchain))];
}

/** A browser is large, and fetched only where a test wants one. */
async function someTestIsNamed(ending) {
  for (const group of ["apps", "packages", "tests"]) {
    const files = await readdir(path.join(root, group), { recursive: true });
    if (files.some((file) => file.endsWith(ending) && !file.includes("node_modules"))) return true;
  }
  return false;
}

function suffixOf(name) {
  return { chromium: "browser.test.ts", Helm: "helm.test.ts" }[name] ?? "peers.test.ts";
}

async function check(name, work) {
  try {
    await step(name, work);
    counts.passed++;
  } catch (error) {
    counts.failed++;
    process.stdout.write(`${name} failed:\n${error.message}\n`);
  }
}

function runFromModules(program, args) {
  const file = path.join(root, "node_modules", ".bin", program);
  return run(file, args, { cwd: root, env: toolchain.env, timeoutMs: checkLimitMs });
}

async function runTests() {
  const folder = await mkdtemp(path.join(tmpdir(), "mailfleet-results-"));
  const results = path.join(folder, "results.json");
  try {
    const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${results}`];
    const vitest = path.join(root, "node_modules", "vitest", "vitest.mjs");
    const excluded = [...new Set(absent.map(({ name }) => `--exclude=**/*${suffixOf(name)}`))];
    const modes = [...excluded, ...(soak ? ["--mode=soak"] : [])];
    const ended = await watched(toolchain.node, [vitest, "run", ...reporters, ...modes, ...chosen]);
    count(JSON.parse(await readFile(results, "utf8").catch(() => "{}")), ended);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Shows its output as it comes, and resolves with its exit code, or the name of the signal that ended it. */
function watched(program, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: root, env: toolchain.env, stdio: "inherit" });
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
    child.once("error", reject);
    child.once("close", (code, signal) => resolve(code ?? signal));
  });
}

/** A file that did not load has no tests to fail, and an error outside of every test has no name: each counts as one. */
function count(results, ended) {
  const { numPassedTests = 0, numFailedTests = 0, numPendingTests = 0, testResults = [] } = results;
  const broken = testResults.filter(
    (file) => file.status === "failed" && !file.assertionResults.some((test) => test.status === "failed"),
  );
  counts.passed += numPassedTests;
  counts.skipped += numPendingTests;
  const failed = numFailedTests + broken.length;
  counts.failed += failed === 0 && ended !== 0 ? 1 : failed;
}
