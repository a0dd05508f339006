/** Hands this process over to a program of the house, and ends as it ends. */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { constants } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { root } from "./places.mjs";

const lifeline = pathToFileURL(path.join(root, "scripts", "lifeline.mjs")).href;
const sameSignalMs = 300;
const orphanCheckMs = 200;
/** Short, since whoever killed npm may be about to start again, and a fleet is made for being killed. */
const orphanGraceMs = 2_000;

/**
 * Runs a program from source. Its exit code, or the signal that ended it, becomes ours.
 *
 * It runs in a session of its own and gets each signal from us: npm repeats the terminal's Ctrl-C to its children,
 * and a second signal would mean "at once" to a program that is draining.
 *
 * @param {import("./toolchain.mjs").Toolchain} toolchain
 * @param {readonly string[]} args the program's file and its arguments
 */
export function launch({ node, env }, args) {
  const child = spawn(
    node,
    ["--conditions=mailfleet-source", "--disable-warning=ExperimentalWarning", `--import=${lifeline}`, ...args],
    {
      env,
      detached: true,
      stdio: ["inherit", "inherit", "inherit", "ipc"],
    },
  );
  child.once("error", (error) => {
    process.stderr.write(`${node}: ${error.message}\n`);
    process.exit(1);
  });
  child.once("exit", (code, signal) => process.exit(signal ? 128 + constants.signals[signal] : code));
  endWithNpm(child, forwardSignals(child));
}

/** Returns whether a signal has come, so that the program knows that it is to end. */
function forwardSignals(child) {
  const last = new Map();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => {
      const now = performance.now();
      if (now - (last.get(signal) ?? -sameSignalMs) < sameSignalMs) return;
      last.set(signal, now);
      child.kill(signal === "SIGHUP" ? "SIGTERM" : signal);
    });
  }
  return () => last.size > 0;
}

/**
 * A killed npm cannot tell us. But then its child has another parent: we, or the shell that npm ran us in.
 * Nothing is watched outside of npm, where a parent may leave and mean no harm.
 */
function endWithNpm(child, ending) {
  if (!process.env.npm_lifecycle_event) return;
  const shell = process.ppid;
  const npm = parentOf(shell);
  const watching = setInterval(() => {
    if (process.ppid === shell && parentOf(shell) === npm) return;
    clearInterval(watching);
    if (ending()) return; // It takes the time that it was given.
    child.kill("SIGTERM");
    setTimeout(() => process.exit(1), orphanGraceMs).unref(); // The lifeline ends what is left.
  }, orphanCheckMs).unref();
}

/** Undefined where the machine has no /proc; a shell that ends tells us by itself. */
function parentOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1];
  } catch {
    return undefined;
  }
}
