/**
 * Gets what the house needs: Node 24, pnpm 12, the dependencies and a Redis. It looks first and fetches only what is
 * missing, into `.tools/` of this checkout; nothing is done twice, and an interrupted set-up is simply begun again.
 */
import { createHash } from "node:crypto";
import { readdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { debianProgram } from "./debian.mjs";
import { fetchPackage } from "./npm-package.mjs";
import { root, tools, toolsBin } from "./places.mjs";
import { findProgram, isExecutable, run } from "./programs.mjs";
import { note, step } from "./progress.mjs";
import { alone } from "./setup-lock.mjs";

const nodeMajor = 24;
const pnpmMajor = 12;
const fetchedNode = path.join(tools, "node", "bin", "node");
const fetchedPnpm = path.join(tools, "pnpm-package", "node_modules", ".bin", "pnpm");

/**
 * @typedef {object} Toolchain
 * @property {string} node the Node to run the house with
 * @property {NodeJS.ProcessEnv} env the environment for it: our programs come first on its PATH
 */

/**
 * @param {{redis?: boolean}} [wants] without `redis`, none is looked for
 * @returns {Promise<Toolchain>}
 */
export async function prepare({ redis = true } = {}) {
  const ready = await readyToolchain(redis);
  return ready ?? alone(() => setUp(redis));
}

/** The quick way: a few files are looked at, and nothing is run. */
async function readyToolchain(redis) {
  const node = await presentNode();
  if (!node) return undefined;
  const env = environment(node);
  if (redis && !(await findProgram("redis-server", env.PATH))) return undefined;
  return (await dependenciesAreFresh(node)) ? { node, env } : undefined;
}

async function setUp(redis) {
  const node = (await presentNode()) ?? (await fetchNode());
  const env = environment(node);
  if (!(await dependenciesAreFresh(node))) await installDependencies(node, env);
  if (redis && !(await findProgram("redis-server", env.PATH))) {
    await debianProgram({ program: "redis-server", packages: ["redis-server"], otherwise: "brew install redis" });
  }
  return { node, env };
}

function environment(node) {
  const folders = [toolsBin, path.dirname(node), path.join(root, "node_modules", ".bin"), process.env.PATH];
  return { ...process.env, PATH: folders.filter(Boolean).join(path.delimiter) };
}

/** The Node that runs us, where it is new enough; else the one that an earlier set-up fetched. */
async function presentNode() {
  if (Number(process.versions.node.split(".")[0]) >= nodeMajor) return process.execPath;
  return (await isExecutable(fetchedNode)) ? fetchedNode : undefined;
}

async function fetchNode() {
  const name = `node-${process.platform}-${process.arch}`;
  return step(`Fetching Node ${nodeMajor} (npm package ${name}) into .tools/`, async () => {
    const folder = await fetchPackage("node-package", `${name}@${nodeMajor}`);
    await linkInPlace(path.join(folder, "node_modules", name), path.join(tools, "node"));
    return fetchedNode;
  });
}

async function linkInPlace(target, link) {
  const draft = `${link}.new`;
  await rm(draft, { force: true });
  await symlink(path.relative(path.dirname(link), target), draft);
  await rename(draft, link);
}

const stamp = path.join(root, "node_modules", ".mailfleet-stamp");

/** Whether node_modules is what this lockfile asks for, installed for this major version of Node. */
async function dependenciesAreFresh(node) {
  return (await readFile(stamp, "utf8").catch(() => "")) === (await wantedStamp(node));
}

async function wantedStamp(node) {
  const hash = createHash("sha256").update(`${process.platform} ${process.arch} ${path.basename(node)} ${nodeMajor}`);
  const manifests = ["package.json", "pnpm-lock.yaml", "pnpm-workspace.yaml"];
  for (const group of ["apps", "packages"]) {
    const names = await readdir(path.join(root, group)).catch(() => []);
    for (const name of names.sort()) manifests.push(path.join(group, name, "package.json"));
  }
  for (const manifest of manifests) {
    hash.update(`${manifest}\n`).update(await readFile(path.join(root, manifest)).catch(() => ""));
  }
  return hash.digest("hex");
}

async function installDependencies(node, env) {
  const pnpm = (await presentPnpm(env)) ?? (await fetchPnpm());
  await step("Installing the dependencies (pnpm install)", async () => {
    await run(pnpm, ["install", "--frozen-lockfile"], { cwd: root, env: { ...env, CI: "true" } });
    await writeFile(stamp, await wantedStamp(node));
  });
}

async function presentPnpm(env) {
  const found = (await isExecutable(fetchedPnpm)) ? fetchedPnpm : await findProgram("pnpm", env.PATH);
  if (!found) return undefined;
  const version = await run(found, ["--version"], { cwd: "/", env }).catch(() => "");
  return Number(version.split(".")[0]) === pnpmMajor ? found : undefined;
}

async function fetchPnpm() {
  return step(`Fetching pnpm ${pnpmMajor} into .tools/`, async () => {
    await fetchPackage("pnpm-package", `pnpm@${pnpmMajor}`);
    return fetchedPnpm;
  });
}

/** Ends the set-up's own trouble with words, not with a stack. */
export function fail(error) {
  note(`The set-up failed: ${error.message}`);
  process.exit(1);
}
