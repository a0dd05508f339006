/** Real peers from Debian that tests and the bench talk to. */
import { install, wayToRoot } from "./debian.mjs";
import { findProgram } from "./programs.mjs";

/** What each peer is found by, and which packages bring it. Postfix and Dovecot change users, so only root runs them. */
const peers = {
  postfix: { programs: ["postfix", "smtp-sink"], packages: ["postfix"] },
  dovecot: { programs: ["dovecot"], packages: ["dovecot-imapd", "dovecot-lmtpd"] },
  openssl: { programs: ["openssl"], packages: ["openssl"] },
  chromium: { programs: ["chromium"], packages: ["chromium"] },
};

/** Postfix asks what kind of site it is; ours has a private instance with a configuration of its own. */
const answers = "postfix postfix/main_mailer_type select No configuration";

/**
 * Gets the peers that are missing, all at once.
 *
 * @param {readonly (keyof typeof peers)[]} names
 * @param {import("./toolchain.mjs").Toolchain} toolchain
 * @returns {Promise<{name: string, why: string}[]>} those that could not be got
 */
export async function getPeers(names, { env }) {
  const missing = await missingPeers(names, env);
  if (missing.length === 0) return [];

  const byHand = missing.flatMap((name) => peers[name].packages).join(" ");
  const asRoot = await wayToRoot();
  if (!asRoot || !(await findProgram("apt-get"))) {
    return missing.map((name) => ({ name, why: `it is not installed, and only root may (apt-get install ${byHand})` }));
  }
  let why = "its package does not bring what we look for";
  try {
    await install(
      asRoot,
      missing.flatMap((name) => peers[name].packages),
      answers,
    );
  } catch (error) {
    why = error.message;
  }
  return (await missingPeers(names, env)).map((name) => ({ name, why }));
}

async function missingPeers(names, env) {
  const missing = [];
  for (const name of names) {
    const found = await Promise.all(peers[name].programs.map((program) => findProgram(program, env.PATH)));
    if (found.includes(undefined)) missing.push(name);
  }
  return missing;
}
