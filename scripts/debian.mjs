/**
 * Gets programs from Debian's packages: installed where we may (root, or sudo without a password), else unpacked into
 * `.tools/` of this checkout, which changes nothing on the machine.
 */
import { chmod, mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { tools, toolsBin } from "./places.mjs";
import { findProgram, isExecutable, run, succeeds } from "./programs.mjs";
import { note, step } from "./progress.mjs";

/**
 * @typedef {object} Wanted
 * @property {string} program what is to be found on the PATH afterwards
 * @property {readonly string[]} packages Debian's packages that bring it
 * @property {string} otherwise what people type where there is no apt
 */

/**
 * Gets one program, or says in one line how to get it.
 *
 * @param {Wanted} wanted
 * @returns {Promise<void>}
 * @throws Error where it could not be got
 */
export async function debianProgram({ program, packages, otherwise }) {
  const how = `install it by hand (${otherwise}, or apt-get install ${packages.join(" ")})`;
  if (!(await findProgram("apt-get"))) throw new Error(`${program} is missing: ${how}`);

  const asRoot = await wayToRoot();
  try {
    if (asRoot) await install(asRoot, packages);
    else await unpackProgram(program, packages);
  } catch (error) {
    throw new Error(`${program} is missing: ${how}; trying to get it failed: ${error.message}`, { cause: error });
  }
}

/**
 * What to put before a command to run it as root; undefined where we may not.
 *
 * @returns {Promise<string[] | undefined>}
 */
export async function wayToRoot() {
  if (process.getuid?.() === 0) return [];
  const sudo = await findProgram("sudo");
  return sudo && (await succeeds(sudo, ["-n", "true"])) ? [sudo, "-n"] : undefined;
}

/**
 * Installs packages, and starts none of their services: Debian asks `policy-rc.d` before it starts one, and 101 means
 * no. A policy that is there already is left alone. `$1` is the questions' answers, the packages follow.
 */
const installScript = `
set -e
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  trap 'exit 1' HUP INT TERM
  printf '#!/bin/sh\\nexit 101\\n' > "$policy"
  chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
answers=$1
shift
if [ -n "$answers" ]; then printf '%s\\n' "$answers" | debconf-set-selections; fi
get() { apt-get -o DPkg::Lock::Timeout=300 "$@"; }
get install -y --no-install-recommends "$@" || { get update; get install -y --no-install-recommends "$@"; }
`;

/**
 * @param {readonly string[]} asRoot
 * @param {readonly string[]} packages
 * @param {string} [answers] for debconf
 */
export async function install(asRoot, packages, answers = "") {
  await step(`Installing Debian's ${packages.join(", ")} (system-wide; no service is started)`, async () => {
    const [program, ...args] = [...asRoot, "/bin/sh", "-c", installScript, "sh", answers, ...packages];
    await run(program, args, { cwd: "/" });
  });
}

/** Unpacks packages and puts a program that runs from there on our PATH. */
async function unpackProgram(program, packages) {
  const folder = await step(`Unpacking Debian's ${packages.join(", ")} into .tools/ (nothing is installed)`, () =>
    unpack(program, packages),
  );
  await publish(program, folder);
}

/**
 * Downloads packages and what they need beyond what is installed, and unpacks them into one folder.
 *
 * @returns {Promise<string>} the folder
 */
async function unpack(name, packages) {
  const folder = path.join(tools, `debian-${name}`);
  const draft = `${folder}.new`;
  await rm(draft, { recursive: true, force: true });
  await mkdir(path.join(draft, "archives"), { recursive: true });

  const apt = await ownApt();
  const archives = path.join(draft, "archives");
  const missing = await packagesMissing(apt, packages);
  await run("apt-get", [...apt, "download", ...missing], { cwd: archives });
  for (const archive of await readdir(archives)) {
    await run("dpkg-deb", ["-x", path.join(archives, archive), path.join(draft, "root")]);
  }
  await rm(archives, { recursive: true });
  await rm(folder, { recursive: true, force: true });
  await rename(draft, folder);
  return folder;
}

/** Package lists of our own, since those of a fresh machine are empty and only root may fetch them. */
async function ownApt() {
  const state = path.join(tools, "apt");
  await mkdir(path.join(state, "lists", "partial"), { recursive: true });
  await mkdir(path.join(state, "cache", "archives", "partial"), { recursive: true });
  const options = [
    ["Dir::State::Lists", path.join(state, "lists")],
    ["Dir::Cache", path.join(state, "cache")],
    ["Dir::State::status", "/var/lib/dpkg/status"],
    ["Debug::NoLocking", "true"],
  ].flatMap(([name, value]) => ["-o", `${name}=${value}`]);
  await run("apt-get", [...options, "update"], { cwd: "/" });
  return options;
}

/** The packages and all they depend on, less what the machine has: apt plans an installation, and we read the plan. */
async function packagesMissing(apt, packages) {
  const plan = await run("apt-get", [...apt, "install", "--simulate", "--no-install-recommends", ...packages], {
    env: { ...process.env, LC_ALL: "C" },
  });
  const missing = [...plan.matchAll(/^Inst (\S+)/gm)].map(([, name]) => name);
  return missing.length > 0 ? missing : packages;
}

/** A script on our PATH that runs the unpacked program with the unpacked libraries. */
async function publish(program, folder) {
  const found = [];
  for (const bin of ["usr/bin", "usr/sbin", "bin", "sbin"]) {
    const file = path.join(folder, "root", bin, program);
    if (await isExecutable(file)) found.push(file);
  }
  if (found.length === 0) throw new Error(`the packages do not hold ${program}`);

  const triplet = (await run("dpkg-architecture", ["-qDEB_HOST_MULTIARCH"]).catch(() => guessedTriplet())).trim();
  const libraries = ["usr/lib", "lib"].flatMap((lib) => [
    path.join(folder, "root", lib, triplet),
    path.join(folder, "root", lib),
  ]);
  const script = `#!/bin/sh\nLD_LIBRARY_PATH='${libraries.join(":")}' exec '${found[0]}' "$@"\n`;
  await mkdir(toolsBin, { recursive: true });
  const file = path.join(toolsBin, program);
  await writeFile(`${file}.new`, script);
  await chmod(`${file}.new`, 0o755);
  await rename(`${file}.new`, file);
  if (!(await succeeds(file, ["--version"]))) note(`${program} was unpacked, but does not tell its version`);
}

/** Debian's name for this machine, where the tool that knows it is not installed. */
const guessedTriplet = () => `${process.arch === "arm64" ? "aarch64" : "x86_64"}-linux-gnu`;
