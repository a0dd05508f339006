import { execFile } from "node:child_process";
import { access, constants } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { EmbeddedError } from "./embedded-error.ts";

/** An ordinary user's PATH leaves these out on Debian. */
const serverFolders = ["/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin"];

/**
 * The program to start: `binary`, or `dovecot` where systems put servers, or on the PATH.
 *
 * Throws `program_missing` where there is none, or one of another version than 2.3.
 */
export async function dovecotProgram(binary: string | undefined): Promise<string> {
  let program = binary ?? "dovecot";
  for (const folder of binary === undefined ? serverFolders : []) {
    const candidate = path.join(folder, "dovecot");
    if (
      await access(candidate, constants.X_OK).then(
        () => true,
        () => false,
      )
    ) {
      program = candidate;
      break;
    }
  }
  let version: string;
  try {
    version = (await promisify(execFile)(program, ["--version"])).stdout.trim();
  } catch (cause) {
    const advice = "on Debian: apt-get install dovecot-imapd dovecot-lmtpd";
    throw new EmbeddedError("program_missing", `${program} was not found; ${advice}`, { cause });
  }
  // 2.4 reads another language of settings.
  if (!version.startsWith("2.3.")) {
    throw new EmbeddedError("program_missing", `${program} is Dovecot ${version}, and only 2.3 fits`);
  }
  return program;
}
