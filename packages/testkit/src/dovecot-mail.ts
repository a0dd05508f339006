import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import type { EmbeddedDovecot } from "@mailfleet/embedded";
import { peerProgram } from "./peer-process.ts";

/** A message as it lies in a folder now. */
export interface DovecotMessage {
  readonly uid: number;
  /** System flags and keywords, such as `\Seen` and `$Forwarded`. */
  readonly flags: readonly string[];
  readonly sizeBytes: number;
  /** As the header has it, angle brackets and all; "" where it has none. */
  readonly messageId: string;
}

export interface DovecotFolderStatus {
  readonly uidValidity: number;
  readonly uidNext: number;
  readonly messages: number;
}

/** What others do to mail behind a client's back: through `doveadm`, so that no IMAP connection is counted or seen. */
export interface DovecotMail {
  messages(user: string, folder?: string): Promise<readonly DovecotMessage[]>;
  /** The whole message, as it is stored. */
  content(user: string, folder: string, uid: number): Promise<string>;
  status(user: string, folder?: string): Promise<DovecotFolderStatus>;
  /** Puts a message into a folder without delivering it; the folder is made where it is missing. */
  save(user: string, folder: string, content: string | Uint8Array): Promise<void>;
  /** Adds, takes away, or (as `set`) replaces flags; `uids` as IMAP words a set: `"3"`, `"1:*"`. */
  setFlags(
    user: string,
    folder: string,
    uids: string | number,
    how: "add" | "remove" | "set",
    flags: readonly string[],
  ): Promise<void>;
  /** Moves messages; the folder they go to is made where it is missing. */
  move(user: string, from: string, to: string, uids: string | number): Promise<void>;
  expunge(user: string, folder: string, uids: string | number): Promise<void>;
  createFolder(user: string, folder: string): Promise<void>;
  deleteFolder(user: string, folder: string): Promise<void>;
  /** Ends every connection of the user's. */
  kick(user: string): Promise<void>;
  /** How many IMAP connections are logged in now; of one user, or of all. */
  connections(user?: string): Promise<number>;
}

const outputLimitBytes = 256 * 1024 * 1024;

/** Those verbs for a server; they go on working after a restart in the same folder. */
export async function dovecotMail({ folder: home, user: owner }: EmbeddedDovecot): Promise<DovecotMail> {
  const program = await peerProgram("doveadm", "dovecot-core");
  const doveadm = async (...args: string[]): Promise<string> => {
    const options = { ...owner, cwd: "/", maxBuffer: outputLimitBytes, timeout: 60_000 };
    return (await promisify(execFile)(program, ["-c", join(home, "dovecot.conf"), ...args], options)).stdout;
  };
  const rows = async (...args: string[]): Promise<Record<string, string>[]> =>
    JSON.parse((await doveadm("-f", "json", ...args)) || "[]");
  const only = (folder: string, uids: string | number = "1:*") => ["mailbox", folder, "uid", String(uids)];

  const createFolder = async (user: string, folder: string) => {
    const there = (await rows("mailbox", "list", "-u", user)).some(({ mailbox }) => mailbox === folder);
    if (!there) await doveadm("mailbox", "create", "-u", user, folder);
  };
  return {
    createFolder,
    async messages(user, folder = "INBOX") {
      const found = await rows("fetch", "-u", user, "uid flags size.physical hdr.message-id", ...only(folder));
      return found.map((row) => ({
        uid: Number(row.uid),
        flags: (row.flags ?? "").split(" ").filter((flag) => flag !== "" && flag !== "\\Recent"),
        sizeBytes: Number(row["size.physical"]),
        messageId: row["hdr.message-id"] ?? "",
      }));
    },
    async content(user, folder, uid) {
      const [row] = await rows("fetch", "-u", user, "text", ...only(folder, uid));
      if (row === undefined) throw new Error(`${user} has no message ${uid} in ${folder}`);
      return row.text ?? "";
    },
    async status(user, folder = "INBOX") {
      const [row] = await rows("mailbox", "status", "-u", user, "uidvalidity uidnext messages", folder);
      if (row === undefined) throw new Error(`${user} has no folder ${folder}`);
      return { uidValidity: Number(row.uidvalidity), uidNext: Number(row.uidnext), messages: Number(row.messages) };
    },
    async save(user, folder, content) {
      await createFolder(user, folder);
      const args = ["-c", join(home, "dovecot.conf"), "save", "-u", user, "-m", folder];
      const saving = promisify(execFile)(program, args, { ...owner, cwd: "/" });
      saving.child.stdin?.end(content);
      await saving;
    },
    async setFlags(user, folder, uids, how, flags) {
      const verb = how === "set" ? "replace" : how;
      await doveadm("flags", verb, "-u", user, flags.join(" "), ...only(folder, uids));
    },
    async move(user, from, to, uids) {
      await createFolder(user, to);
      await doveadm("move", "-u", user, to, ...only(from, uids));
    },
    async expunge(user, folder, uids) {
      await doveadm("expunge", "-u", user, ...only(folder, uids));
    },
    async deleteFolder(user, folder) {
      await doveadm("mailbox", "delete", "-u", user, folder);
    },
    async kick(user) {
      await doveadm("kick", user).catch((error: { code?: unknown }) => {
        if (error.code !== exitNobodyThere) throw error;
      });
    },
    async connections(user) {
      const found = await rows("who", ...(user ? [user] : []));
      return found.reduce((sum, { connections }) => sum + Number(connections), 0);
    },
  };
}

/** doveadm's code for a thing that is not there. */
const exitNobodyThere = 68;
