/** Running other programs during the set-up. */
import { spawn } from "node:child_process";
import { constants } from "node:fs";
import { access } from "node:fs/promises";
import path from "node:path";

const keptOutput = 20_000;

/**
 * Runs a program quietly and resolves with its stdout.
 *
 * @param {string} program
 * @param {readonly string[]} args
 * @param {{cwd?: string, env?: NodeJS.ProcessEnv, input?: string, timeoutMs?: number}} [options] ten minutes unless told
 * @returns {Promise<string>}
 * @throws Error that ends with the program's own last words
 */
export function run(program, args, { cwd, env = process.env, input, timeoutMs = 600_000 } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd, env, timeout: timeoutMs, stdio: ["pipe", "pipe", "pipe"] });
    let out = "";
    let words = "";
    const keep = (chunk) => {
      words = (words + chunk).slice(-keptOutput);
    };
    child.stdout.on("data", (chunk) => {
      out += chunk;
      keep(chunk);
    });
    child.stderr.on("data", keep);
    child.stdin.on("error", () => {}); // It may end without reading; its exit tells.
    child.stdin.end(input ?? "");
    child.once("error", reject);
    child.once("close", (code, signal) => {
      if (code === 0) return resolve(out);
      reject(new Error(`${program} ${args.join(" ")} ended with ${code ?? signal}\n${words.trim()}`));
    });
  });
}

/** @returns {Promise<boolean>} whether the program ends well */
export const succeeds = (program, args, options) =>
  run(program, args, options).then(
    () => true,
    () => false,
  );

/**
 * Where a program lies; undefined where it is not found. Debian keeps servers in folders that are not on
 * everybody's PATH.
 *
 * @param {string} name
 * @param {string} [searched] folders, as in PATH
 * @returns {Promise<string | undefined>}
 */
export async function findProgram(name, searched = process.env.PATH ?? "") {
  for (const folder of [...searched.split(path.delimiter), "/usr/sbin", "/sbin"]) {
    const file = path.join(folder || ".", name);
    if (await isExecutable(file)) return file;
  }
  return undefined;
}

/** @param {string} file */
export const isExecutable = (file) =>
  access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
