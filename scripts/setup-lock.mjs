/** One set-up at a time in a checkout: a second `npm start` or `npm test` waits for the first. */
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { tools } from "./places.mjs";
import { note } from "./progress.mjs";

const waitLimitMs = 900_000;
const pollMs = 250;
const folder = path.join(tools, "set-up.lock");
const ownerFile = path.join(folder, "pid");

/**
 * @template T
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function alone(work) {
  await mkdir(tools, { recursive: true });
  await take();
  try {
    return await work();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function take() {
  const deadline = performance.now() + waitLimitMs;
  for (let told = false; ; ) {
    try {
      await mkdir(folder);
      await writeFile(ownerFile, String(process.pid));
      return;
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
    }
    const owner = Number(await readFile(ownerFile, "utf8").catch(() => ""));
    if (owner > 0 && !isAlive(owner)) {
      await rm(folder, { recursive: true, force: true }); // Interrupted; everything it did is whole or not there.
      continue;
    }
    if (performance.now() > deadline) throw new Error(`another set-up (process ${owner}) holds ${folder}`);
    if (!told) note(`waiting for another set-up of this checkout (process ${owner || "unknown"})`);
    told = true;
    await delay(pollMs);
  }
}

function isAlive(pid) {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error.code === "EPERM";
  }
}
