/** Programs that npm brings, for this checkout alone. */
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { tools } from "./places.mjs";
import { run } from "./programs.mjs";

/**
 * Installs one npm package into a folder of its own in `.tools/`, whole or not at all.
 *
 * @param {string} folderName
 * @param {string} spec such as "pnpm@12"
 * @returns {Promise<string>} the folder that holds its node_modules
 */
export async function fetchPackage(folderName, spec) {
  const folder = path.join(tools, folderName);
  const draft = `${folder}.new`;
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { recursive: true });
  await writeFile(path.join(draft, "package.json"), '{ "private": true }\n');
  await run("npm", ["install", "--prefix", draft, "--no-audit", "--no-fund", "--no-update-notifier", spec], {
    cwd: draft,
    env: outsideOfNpm(),
  });
  await rm(folder, { recursive: true, force: true });
  await rename(draft, folder);
  return folder;
}

/** `npm start` tells its children about this project and its settings, which do not concern another npm's. */
function outsideOfNpm() {
  const own = /^(npm_(package|lifecycle|config_(local_prefix|global_prefix|prefix|node_gyp|noproxy$))|INIT_CWD)/i;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !own.test(name)));
}
