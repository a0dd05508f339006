/** Checks of the dependencies that no compiler makes. Each returns its complaints. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { root } from "./places.mjs";

/** Below these versions a library has a fault that strangers' mail can reach. */
export const floors = {
  nodemailer: "10.4.1",
  "smtp-server": "3.19.0",
  mailparser: "3.9.4",
  imapflow: "1.6.6",
};

export async function readLockfile() {
  return readFile(path.join(root, "pnpm-lock.yaml"), "utf8");
}

/**
 * @param {string} lockfile
 * @returns {string[]} one sentence per complaint
 */
export function complaintsAbout(lockfile) {
  const complaints = [];
  for (const [name, floor] of Object.entries(floors)) {
    for (const version of versionsOf(lockfile, name)) {
      if (isBelow(version, floor)) complaints.push(`${name} ${version} is below its floor ${floor}`);
    }
  }
  const nodemailers = versionsOf(lockfile, "nodemailer");
  if (nodemailers.length > 1) {
    complaints.push(
      `nodemailer is there in ${nodemailers.join(" and ")}: an override must leave one for every dependent`,
    );
  }
  const host = lockfile.match(/https?:\/\/[^\s'"/]+/);
  if (host) complaints.push(`the lockfile names ${host[0]}: every registry serves the same packages, so it names none`);
  return complaints;
}

/** Every version of a package that the lockfile installs: the keys of its `packages` section. */
export function versionsOf(lockfile, name) {
  const section = lockfile.slice(lockfile.indexOf("\npackages:"), lockfile.indexOf("\nsnapshots:"));
  const keys = section.matchAll(/^ {2}'?((?:@[^/\s']+\/)?[^@\s']+)@([^:'\s(]+)/gm);
  return [...new Set([...keys].filter(([, found]) => found === name).map(([, , version]) => version))];
}

/** Compares release versions by their numbers; anything after a hyphen counts as the release it precedes. */
export function isBelow(version, floor) {
  const [a, b] = [version, floor].map((text) => text.split("-")[0].split(".").map(Number));
  for (let place = 0; place < 3; place++) {
    if ((a[place] ?? 0) !== (b[place] ?? 0)) return (a[place] ?? 0) < (b[place] ?? 0);
  }
  return false;
}
