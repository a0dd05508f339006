/** One line per step that had something to do, with its time. On stderr: stdout belongs to what is started. */
import { stderr } from "node:process";

/**
 * Runs `work`, showing `name` while it lasts. What it resolves with is shown when it is done.
 *
 * @template T
 * @param {string} name what is being done, for people
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function step(name, work) {
  const start = performance.now();
  const seconds = () => `${((performance.now() - start) / 1000).toFixed(1)} s`;
  const line = (mark, text) => stderr.write(`${stderr.isTTY ? "\r\x1b[K" : ""}${mark} ${text}`);

  line("…", stderr.isTTY ? name : `${name}\n`);
  const ticking = stderr.isTTY ? setInterval(() => line("…", `${name} (${seconds()})`), 500) : undefined;
  try {
    const result = await work();
    line("✓", `${name} (${seconds()})\n`);
    return result;
  } catch (error) {
    line("✗", `${name} (${seconds()})\n`);
    throw error;
  } finally {
    clearInterval(ticking);
  }
}

/** @param {string} text */
export function note(text) {
  stderr.write(`  ${text}\n`);
}
